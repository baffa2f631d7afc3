// The network of one lane: its units with what they give over the plane, its weights as lines, and both to be changed.

import { between, classColour } from "./colours.js";
import { byId, element, number, options } from "./parts.js";

const NARROWEST = 88, WIDEST = 118, HEAD = 116, GAP = 6; // pixels: from layer to layer, as far as there is room; above the units; between units
const LARGEST = 34, SMALLEST = 9, HEIGHT = 460; // of a unit; of the whole
const SHADES = 6; // widths that lines are drawn in
const EVERY = 150; // milliseconds between two drawings of the lines
const SVG = "http://www.w3.org/2000/svg";

const svg = (tag, attributes = {}) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

export class NetworkPicture {
  // `asks` has what the page can do: setNet, setWeight.
  constructor(home, form, asks) {
    Object.assign(this, { home, form, asks, scene: null, frame: null, chosen: { layer: 0, row: 0, column: 0 }, drawnAt: 0 });
    this.#makeForm();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolour());
  }

  set(scene, activations, limits) {
    const shape = JSON.stringify([scene.sizes, scene.activations, scene.inputs, scene.classes]);
    this.scene = scene;
    if (shape === this.shape) return;
    this.shape = shape;
    this.frame = null;
    this.#recolour();
    this.#layOut(activations, limits);
    this.#limitForm();
  }

  #recolour() {
    this.palette = between(classColour(0), classColour(1));
  }

  #layOut(activations, limits) {
    const { sizes } = this.scene;
    this.column = Math.min(WIDEST, Math.max(NARROWEST, this.home.clientWidth / sizes.length));
    const width = sizes.length * this.column;
    this.unit = Math.min(LARGEST, Math.max(SMALLEST, (HEIGHT - HEAD) / Math.max(...sizes) - GAP));
    const tallest = Math.min(Math.max(...sizes), Math.floor((HEIGHT - HEAD) / (SMALLEST + 1)));
    this.step = Math.min(this.unit + GAP, (HEIGHT - HEAD) / tallest);
    this.height = Math.max(120, HEAD + tallest * this.step + 10);
    this.places = sizes.map((size, l) => Array.from({ length: size }, (_, j) => {
      const shown = Math.min(size, tallest);
      const top = HEAD + ((tallest - shown) / 2) * this.step;
      return [l * this.column + this.column / 2, top + (size > shown ? (j * shown) / size : j) * this.step + this.unit / 2];
    }));
    this.canvas = element("canvas", { width: width * 2, height: this.height * 2, "aria-hidden": "true" });
    this.svg = svg("svg", { width, height: this.height, viewBox: `0 0 ${width} ${this.height}`, role: "img",
      "aria-label": `A network of layers ${sizes.join("-")}; its weights can be read and set below` });
    this.lines = [];
    for (const [sign, name] of [[1, "up"], [-1, "down"]]) {
      for (let k = 0; k < SHADES; k++) {
        const path = svg("path", { class: name, "stroke-width": (0.4 + k * 0.75).toFixed(2), "stroke-opacity": (0.25 + (0.65 * k) / SHADES).toFixed(2) });
        this.lines.push({ sign, k, path });
        this.svg.append(path);
      }
    }
    this.mark = svg("path", { class: "chosen" });
    this.svg.append(this.mark);
    this.places.forEach((column, l) => column.forEach(([x, y], j) => {
      const half = this.unit / 2;
      const rect = svg("rect", { class: "unit", x: x - half, y: y - half, width: this.unit, height: this.unit, rx: 2 });
      rect.append(Object.assign(svg("title"), { textContent: this.#nameOf(l, j) }));
      this.svg.append(rect);
      if ((l === 0 && sizes[0] <= 12) || (l === sizes.length - 1 && this.scene.classes.length > 2)) this.svg.append(this.#label(l, j, x, y));
    }));
    this.svg.addEventListener("click", (event) => this.#choose(event));
    const heads = sizes.map((_, l) => this.#head(l, activations, limits));
    const root = element("div", { class: "net" }, this.canvas, this.svg, ...heads);
    root.style.width = this.canvas.style.width = `${width}px`;
    root.style.height = this.canvas.style.height = `${this.height}px`;
    this.home.replaceChildren(root);
  }

  #label(l, j, x, y) {
    const first = l === 0;
    const text = svg("text", { x: first ? x - this.unit / 2 - 4 : x + this.unit / 2 + 4, y: y + 4, "text-anchor": first ? "end" : "start" });
    const name = this.#nameOf(l, j);
    const most = this.column < 110 ? 5 : 7;
    text.textContent = name.length > most ? `${name.slice(0, most - 1)}…` : name;
    return text;
  }

  #nameOf(l, j) {
    const { sizes, inputs, classes } = this.scene;
    if (l === 0) return inputs[j];
    if (l === sizes.length - 1) return classes.length > 2 ? classes[j] : "output";
    return `unit ${j + 1} of layer ${sizes.length - l}`;
  }

  // What stands above a layer: its number as the lecture counts, and what can be changed in it.
  #head(l, activations, limits) {
    const { sizes, experiment } = this.scene;
    const hidden = l > 0 && l < sizes.length - 1;
    const { hidden: units, activations: own } = experiment.net;
    const change = (edit) => () => this.asks.setNet((net) => edit(net, l - 1));
    const button = (text, label, edit, disabled) => element("button", { type: "button", "aria-label": label, title: label, disabled, onclick: change(edit) }, text);
    const made = element("div", { class: "head" });
    made.style.left = `${l * this.column}px`;
    made.style.width = `${this.column}px`;
    const number = sizes.length - l;
    const add = button("+ layer", `Add a layer after ${l === 0 ? "the input" : `layer ${number}`}`, (net, at) => {
      net.hidden.splice(at + 1, 0, 4);
      net.activations.splice(at + 1, 0, net.activations[Math.max(0, at)] ?? "relu");
    }, units.length >= limits.layers);
    if (!hidden) {
      made.append(l === 0 ? "input" : `layer 1: ${this.scene.activations.at(-1)}`, ...(l === 0 ? [add] : []));
      return made;
    }
    const phi = element("select", { "aria-label": `Layer ${number}: activation`, onchange: () => change((net, at) => { net.activations[at] = phi.value; })() });
    options(phi, activations, own[l - 1]);
    made.append(
      element("div", {}, `layer ${number}`, button("×", `Remove layer ${number}`, (net, at) => { net.hidden.splice(at, 1); net.activations.splice(at, 1); })),
      element("div", {},
        button("−", `Layer ${number}: a unit less`, (net, at) => { net.hidden[at] -= 1; }, units[l - 1] <= 1),
        String(units[l - 1]),
        button("+", `Layer ${number}: a unit more`, (net, at) => { net.hidden[at] += 1; }, units[l - 1] >= limits.units)),
      phi);
    made.append(add);
    return made;
  }

  show(frame) {
    const first = this.frame === null;
    this.frame = frame;
    if (!this.scene || !frame.arrays["W/0"] || !this.#fits(frame)) return;
    this.#paintUnits(frame);
    const now = performance.now();
    if (!first && frame.playing && now - this.drawnAt < EVERY) return;
    this.drawnAt = now;
    this.#drawLines(frame);
    this.#showWeight();
  }

  #fits(frame) {
    return this.scene.sizes.slice(1).every((size, i) => frame.arrays[`W/${i}`]?.shape[1] === size && frame.arrays[`W/${i}`].shape[0] === this.scene.sizes[i]);
  }

  #paintUnits(frame) {
    const context = this.canvas.getContext("2d");
    context.setTransform(2, 0, 0, 2, 0, 0);
    const half = this.unit / 2;
    for (let l = 1; l < this.scene.sizes.length; l++) {
      const maps = frame.arrays[`units/${l - 1}`];
      if (!maps) return;
      const [, height, width] = maps.shape;
      this.atlas ??= element("canvas", { width, height: 64 * height });
      const image = new ImageData(width, maps.shape[0] * height);
      const pixels = new Int32Array(image.data.buffer);
      for (let i = 0; i < maps.data.length; i++) pixels[i] = this.palette[maps.data[i]];
      const atlas = this.atlas.getContext("2d");
      atlas.putImageData(image, 0, 0);
      this.places[l].forEach(([x, y], j) => context.drawImage(this.atlas, 0, j * height, width, height, x - half, y - half, this.unit, this.unit));
    }
  }

  #drawLines(frame) {
    const ways = this.lines.map(() => []);
    const half = this.unit / 2;
    for (let l = 0; l + 1 < this.places.length; l++) {
      const { data, shape: [rows, columns] } = frame.arrays[`W/${l}`];
      const largest = Math.max(...data.map(Math.abs)) || 1;
      for (let i = 0; i < rows; i++) {
        const [x, y] = this.places[l][i];
        for (let j = 0; j < columns; j++) {
          const share = data[i * columns + j] / largest;
          const k = Math.min(SHADES - 1, Math.floor(Math.abs(share) * SHADES));
          if (rows * columns > 400 && k === 0) continue; // hundreds of the faintest lines are a fog
          const [right, below] = this.places[l + 1][j];
          ways[(share < 0 ? SHADES : 0) + k].push(`M${x + half} ${y.toFixed(1)}L${right - half} ${below.toFixed(1)}`);
        }
      }
    }
    this.lines.forEach(({ path }, i) => path.setAttribute("d", ways[i].join("")));
  }

  // A click chooses the weight whose line is nearest, or the bias of the unit that it is on.
  #choose(event) {
    const box = this.svg.getBoundingClientRect();
    const [px, py] = [((event.clientX - box.left) / box.width) * this.scene.sizes.length * this.column, ((event.clientY - box.top) / box.height) * this.height];
    const half = this.unit / 2;
    for (let l = 1; l < this.places.length; l++) {
      const j = this.places[l].findIndex(([x, y]) => Math.abs(px - x) <= half && Math.abs(py - y) <= half);
      if (j >= 0) return this.#take(l - 1, null, j);
    }
    let best = null, least = 10;
    for (let l = 0; l + 1 < this.places.length; l++) {
      this.places[l].forEach(([x, y], i) => this.places[l + 1].forEach(([right, below], j) => {
        const from = x + half, to = right - half;
        if (px < from || px > to) return;
        const distance = Math.abs(y + ((px - from) / (to - from)) * (below - y) - py);
        if (distance < least) [best, least] = [[l, i, j], distance];
      }));
    }
    if (best) this.#take(...best);
  }

  #take(layer, row, column) {
    this.chosen = { layer, row, column };
    this.#limitForm();
    this.#showWeight();
    byId("weight-value").focus();
    byId("weight-value").select();
  }

  #makeForm() {
    const field = (id, label, made) => element("label", {}, label, Object.assign(made, { id }));
    const select = (id, label, apply) => field(id, label, element("select", { onchange: (event) => { apply(event.target.value); this.#limitForm(); this.#showWeight(); } }));
    this.form.append(
      select("weight-layer", "weight of layer", (value) => Object.assign(this.chosen, { layer: Number(value), row: 0, column: 0 })),
      select("weight-row", "from", (value) => { this.chosen.row = value === "" ? null : Number(value); }),
      select("weight-column", "to", (value) => { this.chosen.column = Number(value); }),
      field("weight-value", "is", element("input", { type: "number", step: "any" })),
      element("button", { type: "submit" }, "Set it"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const value = byId("weight-value").valueAsNumber;
      if (Number.isFinite(value)) this.asks.setWeight({ ...this.chosen, value });
      byId("weight-value").blur();
    });
  }

  #limitForm() {
    const { sizes } = this.scene;
    const last = sizes.length - 1;
    this.chosen.layer = Math.min(this.chosen.layer, last - 1);
    const { layer } = this.chosen;
    if (this.chosen.row !== null) this.chosen.row = Math.min(this.chosen.row, sizes[layer] - 1);
    this.chosen.column = Math.min(this.chosen.column, sizes[layer + 1] - 1);
    options(byId("weight-layer"), Array.from({ length: last }, (_, l) => [String(l), String(last - l)]), String(layer));
    const from = (j) => (layer === 0 ? this.scene.inputs[j] : `unit ${j + 1}`);
    options(byId("weight-row"), [["", "the bias b"], ...Array.from({ length: sizes[layer] }, (_, j) => [String(j), from(j)])], this.chosen.row === null ? "" : String(this.chosen.row));
    options(byId("weight-column"), Array.from({ length: sizes[layer + 1] }, (_, j) => [String(j), `unit ${j + 1}`]), String(this.chosen.column));
  }

  #showWeight() {
    const { layer, row, column } = this.chosen;
    const array = this.frame?.arrays[row === null ? `b/${layer}` : `W/${layer}`];
    const field = byId("weight-value");
    if (!array || document.activeElement === field) return;
    field.value = Number(array.data[row === null ? column : row * array.shape[1] + column].toPrecision(5));
    const half = this.unit / 2;
    const [right, below] = this.places[layer + 1][column];
    const from = row === null ? [right - half - 14, below] : [this.places[layer][row][0] + half, this.places[layer][row][1]];
    this.mark.setAttribute("d", `M${from[0]} ${from[1]}L${right - half} ${below}`);
  }

  // The drawing with its colours and maps in it, for a file.
  toFile() {
    const copy = this.svg.cloneNode(true);
    copy.setAttribute("xmlns", SVG);
    copy.querySelector(".chosen").remove();
    for (const [name, colour] of [["up", "#c07800"], ["down", "#0072b2"]]) {
      copy.querySelectorAll(`.${name}`).forEach((path) => { path.setAttribute("stroke", colour); path.setAttribute("fill", "none"); });
    }
    copy.querySelectorAll("rect").forEach((rect) => { rect.setAttribute("fill", "none"); rect.setAttribute("stroke", "#777"); });
    copy.querySelectorAll("text").forEach((text) => { text.setAttribute("font-family", "sans-serif"); text.setAttribute("font-size", "11"); });
    const maps = svg("image", { href: this.canvas.toDataURL(), width: this.canvas.width / 2, height: this.canvas.height / 2 });
    copy.insertBefore(maps, copy.querySelector("rect"));
    return new XMLSerializer().serializeToString(copy);
  }
}

// Accuracy by class, or nothing for numbers.
export function scores(home, frame, scene, title) {
  const { data, shape: [k] } = frame.arrays.confusion;
  if (!k) {
    home.replaceChildren(element("p", {}, `R² ${number(frame.lanes[frame.drawn].score)}`));
    return;
  }
  const head = element("tr", {}, element("th", {}, "is ↓  said →"), ...scene.classes.map((name) => element("th", { scope: "col", title: name }, name)));
  const rows = scene.classes.map((name, i) => element("tr", {}, element("th", { scope: "row", title: name }, name),
    ...scene.classes.map((_, j) => element("td", i === j ? { class: "right" } : {}, String(data[i * k + j])))));
  home.replaceChildren(element("p", { class: "small" }, title), element("div", { class: "wide" }, element("table", {}, head, ...rows)));
}
