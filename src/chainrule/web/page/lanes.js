// The lanes: what each network says over the plane, its optimizer, its rate, its numbers.

import { LANES, between, classColour, ofClasses } from "./colours.js";
import { element, number, options, whole } from "./parts.js";

const SIDE = 320; // pixels of a picture
const REACH = 12; // pixels around a point that count as a click on it
const SLOWEST = -5, FASTEST = 1; // powers of ten on the slider of a rate

export class Lanes {
  // `asks` has what the page can do: setRule, setRate, remove, draw, click.
  constructor(home, asks) {
    Object.assign(this, { home, asks, cards: [], scene: null, palette: null });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour());
  }

  // New data or new optimizers.
  set(scene, optimizers) {
    this.scene = scene;
    const rules = scene.experiment.lanes;
    if (this.cards.length !== rules.length) {
      this.cards = rules.map((_, i) => new Card(this, i, optimizers));
      this.home.replaceChildren(...this.cards.map((card) => card.root));
    }
    this.cards.forEach((card, i) => card.set(rules[i], rules.length));
    this.recolour();
  }

  recolour() {
    if (!this.scene) return;
    const { classes } = this.scene;
    this.palette = classes.length > 2 ? ofClasses(classes.length) : between(classColour(0), classColour(1));
    this.cards.forEach((card) => {
      card.drawPoints();
      card.paint();
    });
  }

  show(frame) {
    this.cards.forEach((card, i) => card.show(frame, i));
  }

  // The picture of a lane, for a file.
  picture(i) {
    const { region, points } = this.cards[i];
    const whole = element("canvas", { width: SIDE * 2, height: SIDE * 2 });
    for (const layer of [region, points]) whole.getContext("2d").drawImage(layer, 0, 0, SIDE * 2, SIDE * 2);
    return whole;
  }
}

class Card {
  constructor(lanes, i, optimizers) {
    Object.assign(this, { lanes, i, last: null, rate: null, cursor: null });
    const { asks } = lanes;
    const name = `Lane ${i + 1}`;
    this.optimizer = element("select", { "aria-label": `${name}: optimizer`, onchange: () => asks.setRule(i, this.optimizer.value) });
    options(this.optimizer, optimizers);
    this.remove = element("button", { type: "button", "aria-label": `${name}: remove`, title: "remove", onclick: () => asks.remove(i) }, "×");
    this.slider = element("input", { type: "range", min: SLOWEST, max: FASTEST, step: 0.05, "aria-label": `${name}: learning rate, power of ten` });
    this.slider.addEventListener("input", () => asks.setRate(i, Number((10 ** Number(this.slider.value)).toPrecision(2))));
    this.field = element("input", { type: "number", min: 0, step: "any", "aria-label": `${name}: learning rate` });
    this.field.addEventListener("change", () => asks.setRate(i, Number(this.field.value)));
    this.region = element("canvas", { "aria-hidden": "true" });
    this.points = element("canvas", { width: SIDE, height: SIDE, class: "points", tabindex: "0", role: "application",
      "aria-label": `${name}: the plane and the points; arrow keys move, Enter clicks` });
    this.points.addEventListener("click", (event) => this.click(event));
    this.points.addEventListener("keydown", (event) => this.key(event));
    this.points.addEventListener("blur", () => { this.cursor = null; this.drawPoints(); });
    this.axes = element("div", { class: "axes" });
    this.numbers = element("dl", { class: "numbers" });
    this.message = element("p", { class: "message", hidden: true });
    this.draw = element("button", { type: "button", "aria-pressed": "false", onclick: () => asks.draw(i) }, "show its network");
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = LANES[i];
    this.root = element("article", { class: "lane", "aria-label": name },
      element("div", { class: "row" }, swatch, this.optimizer, this.remove),
      element("div", { class: "rate" }, "rate", this.slider, this.field),
      element("div", { class: "picture" }, this.region, this.points),
      this.axes, this.numbers, this.message, element("div", { class: "row" }, this.draw));
  }

  set(rule, count) {
    this.optimizer.value = rule.optimizer;
    this.remove.disabled = count < 2;
    this.showRate(rule.learning_rate);
    const [across, up] = this.lanes.scene.axes;
    this.axes.replaceChildren(element("span", { title: across }, `→ ${across}`), element("span", { title: up }, up && `↑ ${up}`));
  }

  showRate(rate) {
    if (rate === this.rate) return;
    this.rate = rate;
    if (document.activeElement !== this.field) this.field.value = rate;
    this.slider.value = Math.log10(rate || 1e-9);
  }

  show(frame, i) {
    const lane = frame.lanes[i];
    if (!lane) return;
    this.last = { region: frame.arrays[`region/${i}`], strength: frame.arrays[`strength/${i}`] };
    this.paint();
    this.showRate(lane.rate);
    const { scene } = this.lanes;
    const score = scene.classes.length ? ["accuracy", lane.score === null ? "–" : `${(100 * lane.score).toFixed(1)} %`] : ["R²", number(lane.score)];
    const rows = [["loss", number(lane.loss), lane.loss], ["validation", number(lane.validation), lane.validation], [...score, lane.score], ["step", whole(lane.step), lane.step]];
    if (this.numbers.children.length !== rows.length * 2) {
      this.numbers.replaceChildren(...rows.flatMap(([name]) => [element("dt", {}, name), element("dd", { "data-name": name })]));
    }
    rows.forEach(([name, text, exact], k) => {
      const [term, said] = [this.numbers.children[2 * k], this.numbers.children[2 * k + 1]];
      term.textContent = name;
      said.textContent = text;
      said.dataset.exact = exact;
    });
    this.message.hidden = !lane.message;
    this.message.textContent = lane.message;
    this.root.classList.toggle("chosen", frame.drawn === i);
    this.root.dataset.status = lane.status;
    this.draw.setAttribute("aria-pressed", String(frame.drawn === i));
  }

  paint() {
    if (!this.last) return;
    const { data, shape: [height, width] } = this.last.region;
    const image = new ImageData(width, height);
    const pixels = new Int32Array(image.data.buffer);
    const { palette } = this.lanes;
    if (this.last.strength) for (let i = 0; i < data.length; i++) pixels[i] = palette(data[i], this.last.strength.data[i]);
    else for (let i = 0; i < data.length; i++) pixels[i] = palette[data[i]];
    if (this.region.width !== width) Object.assign(this.region, { width, height });
    this.region.getContext("2d").putImageData(image, 0, 0); // the browser smooths it as it stretches it
  }

  // From the plane to pixels, and back.
  toPixel([a, b]) {
    const { x, y } = this.lanes.scene;
    return [((a - x[0]) / (x[1] - x[0])) * SIDE, (1 - (b - y[0]) / (y[1] - y[0])) * SIDE];
  }

  toPlane([px, py]) {
    const { x, y } = this.lanes.scene;
    return [x[0] + (px / SIDE) * (x[1] - x[0]), y[0] + (1 - py / SIDE) * (y[1] - y[0])];
  }

  drawPoints() {
    const { scene } = this.lanes;
    const context = this.points.getContext("2d");
    context.clearRect(0, 0, SIDE, SIDE);
    const colours = scene.classes.length ? null : between(classColour(0), classColour(1));
    const [low, high] = scene.range;
    const radius = scene.points.length > 800 ? 2 : 3.2;
    const colourOf = (value) => (colours ? css(colours[Math.round(254 * Math.min(1, Math.max(0, (value - low) / (high - low || 1))))]) : classColour(value));
    context.strokeStyle = "rgb(255 255 255 / 90%)";
    context.lineWidth = 1;
    const draw = (points, values, outline) => points.forEach((point, i) => {
      context.beginPath();
      outline(...this.toPixel(point));
      context.fillStyle = colourOf(values[i]);
      context.fill();
      context.stroke();
    });
    if (scene.experiment.view.aside) draw(scene.aside, scene.values_aside, (px, py) => context.rect(px - radius, py - radius, 2 * radius, 2 * radius));
    draw(scene.points, scene.values, (px, py) => context.arc(px, py, radius, 0, 2 * Math.PI));
    if (!this.cursor) return;
    const [cx, cy] = this.cursor;
    context.strokeStyle = getComputedStyle(this.root).color;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(cx - 9, cy); context.lineTo(cx + 9, cy);
    context.moveTo(cx, cy - 9); context.lineTo(cx, cy + 9);
    context.stroke();
  }

  click(event) {
    const box = this.points.getBoundingClientRect();
    this.ask([((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE]);
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (!move && event.key !== "Enter") return;
    event.preventDefault();
    const far = event.shiftKey ? 20 : 5;
    this.cursor ??= [SIDE / 2, SIDE / 2];
    if (move) this.cursor = this.cursor.map((at, k) => Math.min(SIDE, Math.max(0, at + far * move[k])));
    else this.ask(this.cursor);
    this.drawPoints();
  }

  // A click at a pixel: on the nearest point if one is near, else on the place.
  ask(at) {
    const { scene, asks } = this.lanes;
    let nearest = -1, least = REACH ** 2;
    scene.points.forEach((point, i) => {
      const [px, py] = this.toPixel(point);
      const distance = (px - at[0]) ** 2 + (py - at[1]) ** 2;
      if (distance < least) [nearest, least] = [i, distance];
    });
    asks.click(this.i, nearest < 0 ? null : scene.shown[nearest], this.toPlane(at));
  }
}

const css = (pixel) => `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255})`;
