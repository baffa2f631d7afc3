// The page: what it shows is an experiment (web/experiment.py); every control changes it and the server begins it anew,
// or makes the change while the networks learn.

import { fromHash, toHash } from "./address.js";
import { Chart } from "./chart.js";
import { LANES } from "./colours.js";
import { Inspector } from "./inspector.js";
import { Lanes } from "./lanes.js";
import { Link } from "./link.js";
import { NetworkPicture, scores } from "./network.js";
import { byId, element, number, options, save, whole } from "./parts.js";

const page = { hello: null, experiment: null, scene: null, frame: null, playing: false, click: "look", columns: [] };
window.chainrule = page; // to look at from the browser's console

const link = new Link({ heard, shown, lost });
const send = (message) => link.send(message);
const inspector = new Inspector(send);
const chart = new Chart(byId("chart"));
const lanes = new Lanes(byId("lanes"), { setRule, setRate, remove: removeLane, draw: (lane) => send({ do: "look", lane }), click: clicked });
const network = new NetworkPicture(byId("network"), byId("weight"), {
  setNet: (edit) => change(({ net }) => { net.weights = []; edit(net); }),
  setWeight: (weight) => alter({ what: "weight", lane: page.frame.drawn, ...weight }),
});

// What the server says.

function heard(message) {
  const answers = { hello, scene, changed, inspected: (said) => inspector.show(said), file: keepFile, error, broken: error };
  answers[message.say](message);
}

function hello(message) {
  page.hello = message;
  options(byId("data"), dataNames(), message.experiment.data.name);
  options(byId("initializer"), message.initializers);
  options(byId("lesson"), [["", "choose one …"], ...message.lessons.map(({ name }, i) => [String(i), `${i + 1}. ${name}`])]);
  const { limits } = message;
  byId("limits").textContent = `Up to ${limits.lanes} optimizers, ${limits.layers} hidden layers of ${limits.units} units, ${whole(limits.rows)} rows and ${limits.columns} columns; `
    + `files up to ${limits.upload >> 20} MB; ${limits.visitors} pages at a time. Nothing leaves this machine.`;
  for (const id of ["play", "step", "epoch", "reset"]) byId(id).disabled = false;
  history.replaceState(null, "", location.pathname + location.hash); // a token stays out of the address
  begin(ofAddress() ?? message.experiment);
}

function ofAddress() {
  try {
    return fromHash(location.hash);
  } catch {
    trouble("the address holds no experiment that can be read; this is the usual one");
    return null;
  }
}

function scene(message) {
  page.scene = message;
  page.experiment = message.experiment;
  trouble("");
  const { data, net, lanes: rules, batch_size, seed, stop } = page.experiment;
  setValues({ seed, batch: batch_size, dropout: net.dropout, decay: net.weight_decay, rows: data.rows, noise: data.noise, "data-seed": data.seed,
    validation: data.validation, initializer: net.initializer, data: data.file || data.name, "stop-loss": stop.loss ?? "", "stop-step": stop.step ?? "" });
  const drawn = page.hello.data[data.name]?.drawn && !data.file;
  byId("data").title = page.hello.data[data.name]?.about ?? data.name;
  document.querySelectorAll(".drawn").forEach((each) => { each.hidden = !drawn; });
  document.querySelectorAll(".table").forEach((each) => { each.hidden = drawn; });
  showColumns();
  showClicks();
  lanes.set(message, Object.keys(page.hello.optimizers));
  network.set(message, page.hello.activations, page.hello.limits);
  byId("add-lane").disabled = rules.length >= page.hello.limits.lanes;
  if (message.run !== page.run) {
    page.run = message.run;
    chart.clear(rules.map((rule) => rule.optimizer), message.checked > 0);
    inspector.step = -1;
  }
  byId("aside-choice").hidden = !message.checked;
  byId("aside").checked = page.experiment.view.aside;
  byId("legend").textContent = message.checked ? "solid: the rows learned from; dotted: the rows set aside" : "";
  note();
}

function changed(message) {
  page.experiment = message.experiment;
  note();
}

function error(message) {
  inspector.failed();
  trouble(message.text);
}

function lost(reason) {
  trouble(reason || "the server has ended: start chainrule play again and reload this page");
  for (const id of ["play", "step", "epoch", "reset"]) byId(id).disabled = true;
}

function shown(frame) {
  if (!page.scene || frame.run !== page.scene.run) return;
  const before = page.frame;
  page.frame = frame;
  lanes.show(frame);
  network.show(frame);
  chart.show(frame);
  inspector.follow(frame);
  showPlaying(frame.playing);
  const rule = page.experiment.lanes[frame.drawn].optimizer;
  byId("network-title").textContent = `The network of lane ${frame.drawn + 1}, ${rule}`;
  const part = page.scene.checked ? `${whole(page.scene.checked)} rows set aside` : `${whole(page.scene.rows)} rows learned from`;
  scores(byId("scores"), frame, page.scene, `${rule}, ${part}`);
  const pace = frame.playing && frame.pace ? ` · ${whole(frame.pace)} steps/s` : "";
  byId("clock").textContent = `step ${whole(frame.step)} · epoch ${number(frame.lanes[0].epochs)}${pace}`;
  byId("clock").dataset.step = frame.step;
  page.frames = (page.frames ?? 0) + 1;
  if (page.frames === 1) {
    page.firstFrame = performance.now();
    chart.fetch(page.hello.styles_of_maps);
  }
  const news = frame.lanes.flatMap((lane, i) => (lane.message && lane.message !== before?.lanes[i]?.message ? [`Lane ${i + 1}: ${lane.message}`] : []));
  if (news.length) byId("news").textContent = news.join(". ");
}

// What is told and shown about it all.

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = !text;
}

function note() {
  history.replaceState(null, "", toHash(page.experiment, page.hello.blank ?? page.hello.experiment));
}

function setValues(values) {
  for (const [id, value] of Object.entries(values)) if (document.activeElement !== byId(id)) byId(id).value = value;
}

function showPlaying(playing) {
  if (playing === page.playing && byId("play").textContent === (playing ? "Pause" : "Play")) return;
  page.playing = playing;
  byId("play").textContent = playing ? "Pause" : "Play";
}

function dataNames() {
  const own = page.hello.opened ? [[page.hello.opened.file, page.hello.opened.name]] : [];
  return [...own, ...Object.keys(page.hello.data).map((name) => [name, name])];
}

function showColumns() {
  const { held, axes, target, in_plane: inPlane } = page.scene;
  const columns = held.map(({ name }) => name);
  const chosen = page.experiment.view.axes;
  const automatic = ["", axes[0].startsWith("component") ? "principal components" : "as it is"];
  options(byId("axis-x"), [automatic, ...columns.map((name) => [name, name])], chosen[0] ?? "");
  options(byId("axis-y"), [automatic, ...columns.map((name) => [name, name])], chosen[1] ?? "");
  const known = knownColumns();
  options(byId("target"), known.length ? known : [target], target);
  byId("target").disabled = !known.length;
  const others = inPlane || !chosen.length ? [] : held.filter(({ name }) => !chosen.includes(name));
  byId("held").replaceChildren(...others.map(({ name, low, high, value }) => element("label", {}, element("span", { title: name }, name),
    element("input", { type: "range", min: low, max: high, step: (high - low) / 200 || 1, value, "aria-label": `${name} held at`,
      oninput: (event) => look({ ...page.experiment.view, held: { ...page.experiment.view.held, [name]: event.target.valueAsNumber } }) }))));
}

function knownColumns() {
  const { file } = page.experiment.data;
  const table = [page.hello.opened, page.dropped].find((each) => each && each.file === file);
  return table ? table.columns.map(({ name }) => name) : [];
}

function showClicks() {
  const { classes, in_plane: inPlane } = page.scene;
  const choices = [["look", "shows every number"], ...(inPlane ? [...classes.map((name, k) => [`add ${k}`, `adds a point of class ${name}`]), ["remove", "takes a point away"]] : [])];
  if (!choices.some(([value]) => value === page.click)) page.click = "look";
  byId("click").replaceChildren(byId("click").firstElementChild, ...choices.map(([value, text]) => element("label", {},
    element("input", { type: "radio", name: "click", value, checked: value === page.click, onchange: () => { page.click = value; } }), ` ${text}`)));
}

// What the person asks for.

function begin(experiment, playing) {
  send({ do: "begin", experiment, ...(playing === undefined ? {} : { playing }) });
}

// The experiment with what was changed by hand as its beginning.
function settled() {
  const experiment = structuredClone(page.experiment);
  for (const made of experiment.changes) {
    if (made.what === "rate") experiment.lanes[made.lane].learning_rate = made.value;
    if (made.what === "points") Object.assign(experiment.data, { added: made.added, removed: made.removed });
  }
  experiment.changes = [];
  return experiment;
}

function change(edit, playing) {
  const experiment = settled();
  edit(experiment);
  begin(experiment, playing);
}

const alter = (made) => send({ do: "change", change: { step: 0, ...made } });
const look = (view) => send({ do: "look", view });

function setRule(lane, optimizer) {
  change(({ lanes: rules }) => { rules[lane] = { optimizer, learning_rate: page.hello.optimizers[optimizer] }; });
}

function setRate(lane, value) {
  if (Number.isFinite(value) && value >= 0) alter({ what: "rate", lane, value });
}

function removeLane(lane) {
  change(({ lanes: rules }) => rules.splice(lane, 1));
}

function addLane() {
  const there = page.experiment.lanes.map((rule) => rule.optimizer);
  const next = ["adam", "momentum", "rmsprop", "adagrad", ...Object.keys(page.hello.optimizers)].find((name) => !there.includes(name)) ?? "sgd";
  change(({ lanes: rules }) => rules.push({ optimizer: next, learning_rate: page.hello.optimizers[next] }));
}

function clicked(lane, row, at) {
  if (page.click === "look") {
    inspector.open(lane, row, at);
    return;
  }
  const { data } = settled();
  if (page.click === "remove") {
    if (row === null) return;
    takeAway(data, row);
  } else {
    data.added.push([...at.map((each) => Number(each.toPrecision(4))), Number(page.click.split(" ")[1])]);
  }
  alter({ what: "points", added: data.added, removed: data.removed });
}

// The number of a row counts what is left; the experiment counts all, those added by hand last.
function takeAway(data, row) {
  const kept = [];
  for (let i = 0; kept.length <= row; i++) if (!data.removed.includes(i)) kept.push(i);
  const drawn = page.scene.rows + data.removed.length - data.added.length;
  const number = kept[row];
  if (number >= drawn) {
    data.added.splice(number - drawn, 1);
    data.removed = data.removed.map((i) => (i > number ? i - 1 : i));
  } else {
    data.removed.push(number);
  }
}

function chooseData(value) {
  const table = [page.hello.opened, page.dropped].find((each) => each && each.file === value);
  if (table) takeTable(table);
  else change((experiment) => Object.assign(experiment, { data: { name: value }, view: {}, net: { ...experiment.net, weights: [] } }));
}

function takeTable({ name, file }) {
  change((experiment) => Object.assign(experiment, { data: { name, file }, view: {}, net: { ...experiment.net, weights: [] } }));
}

async function upload(file) {
  trouble("");
  byId("news").textContent = `reading ${file.name}`;
  const { limits } = page.hello;
  if (file.size > limits.upload) return trouble(`${file.name} is larger than ${limits.upload >> 20} MB`);
  try {
    const answer = await fetch(`data?name=${encodeURIComponent(file.name.slice(-200))}`, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
    const told = await answer.json();
    if (!answer.ok) return trouble(told.error);
    page.dropped = told;
    options(byId("data"), [[told.file, told.name], ...dataNames().filter(([value]) => value !== told.file)], told.file);
    takeTable(told);
    byId("news").textContent = `${file.name}: ${whole(told.rows)} rows, ${told.columns.length} columns`;
  } catch {
    trouble(`${file.name} could not be sent to the server`);
  }
}

function takeLesson(i) {
  const lesson = page.hello.lessons[i];
  byId("lesson-text").replaceChildren(...(lesson ? lesson.text.trim().split(/\n\s*\n/).map((part) => element("p", {}, part)) : []));
  if (!lesson) return;
  byId("speed").value = String(lesson.speed ?? 0);
  send({ do: "speed", steps: lesson.speed ?? 0 });
  begin(lesson.experiment, false);
}

function keepFile({ name, content }) {
  const data = content.text ?? Uint8Array.from(atob(content.base64), (letter) => letter.charCodeAt(0));
  save(name, new Blob([data]));
}

const exported = (what) => send({ do: "export", what, lane: page.frame?.drawn ?? 0 });
const asNumber = (id) => (byId(id).value === "" ? null : byId(id).valueAsNumber);
const on = (id, event, act) => byId(id).addEventListener(event, act);

on("play", "click", () => send({ do: "play", on: !page.playing }));
on("step", "click", () => send({ do: "advance", steps: 1 }));
on("epoch", "click", () => send({ do: "advance", epoch: true }));
on("reset", "click", () => begin(settled(), false));
on("speed", "change", () => send({ do: "speed", steps: Number(byId("speed").value) }));
for (const id of ["stop-loss", "stop-step"]) on(id, "change", () => send({ do: "stop", stop: { loss: asNumber("stop-loss"), step: asNumber("stop-step") } }));
on("seed", "change", () => change((experiment) => { experiment.seed = byId("seed").valueAsNumber; }));
on("batch", "change", () => change((experiment) => { experiment.batch_size = byId("batch").valueAsNumber; }));
on("initializer", "change", () => change(({ net }) => Object.assign(net, { initializer: byId("initializer").value, weights: [] })));
on("dropout", "change", () => change(({ net }) => { net.dropout = byId("dropout").valueAsNumber; }));
on("decay", "change", () => change(({ net }) => { net.weight_decay = byId("decay").valueAsNumber; }));
on("data", "change", () => chooseData(byId("data").value));
on("target", "change", () => change((experiment) => { experiment.data.target = byId("target").value; experiment.view = {}; }));
on("validation", "change", () => change(({ data }) => { data.validation = byId("validation").valueAsNumber; }));
for (const [id, name] of [["rows", "rows"], ["noise", "noise"], ["data-seed", "seed"]]) {
  on(id, "change", () => change(({ data }) => Object.assign(data, { [name]: byId(id).valueAsNumber, added: [], removed: [] })));
}
on("aside", "change", () => look({ ...page.experiment.view, aside: byId("aside").checked }));
for (const id of ["axis-x", "axis-y"]) on(id, "change", () => setAxes(id));
on("file", "change", () => byId("file").files[0] && upload(byId("file").files[0]));
on("lesson", "change", () => takeLesson(byId("lesson").value));
on("add-lane", "click", addLane);
on("share", "click", async () => {
  // Browsers let only pages of this machine, and encrypted ones, write to the clipboard.
  if (!navigator.clipboard) return trouble("this browser does not let the page copy: the link is in its address line");
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    return trouble("this browser did not let the page copy: the link is in its address line");
  }
  byId("share").textContent = "copied";
  setTimeout(() => { byId("share").textContent = "copy the link"; }, 1500);
});
document.querySelectorAll("[data-export]").forEach((button) => button.addEventListener("click", () => exported(button.dataset.export)));
on("save-svg", "click", () => save("network.svg", new Blob([network.toFile()], { type: "image/svg+xml" })));
on("save-png", "click", () => lanes.picture(page.frame?.drawn ?? 0).toBlob((blob) => save("plane.png", blob)));

// Two columns make a plane: with the first one chosen, the other axis takes the next.
function setAxes(id) {
  const names = page.scene.held.map(({ name }) => name);
  let [x, y] = [byId("axis-x").value, byId("axis-y").value];
  const last = byId(id).value;
  if (!last) x = y = "";
  else if (x === y || !x || !y) [x, y] = id === "axis-x" ? [last, names.find((name) => name !== last)] : [names.find((name) => name !== last), last];
  look({ ...page.experiment.view, axes: x && y ? [x, y] : [] });
}

addEventListener("hashchange", () => {
  const given = ofAddress();
  if (given) begin(given);
});
addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, button, summary, canvas")) return;
  if (event.key === " ") send({ do: "play", on: !page.playing });
  else if (event.key === ".") send({ do: "advance", steps: 1 });
  else return;
  event.preventDefault();
});
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  addEventListener(name, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", over);
    if (name === "drop" && event.dataTransfer.files[0]) upload(event.dataTransfer.files[0]);
  });
}
