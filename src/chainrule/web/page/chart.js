// The loss curves of all lanes, by Plotly.

import { LANES } from "./colours.js";

const EVERY = 300; // milliseconds between two drawings
const MOST = 1500; // points of a curve; beyond, every second one is left out

export class Chart {
  constructor(home) {
    Object.assign(this, { home, curves: [], names: [], drawnAt: 0, plotly: null, checked: false, revision: 0 });
    for (const query of ["(prefers-color-scheme: dark)", "(max-width: 720px)"]) matchMedia(query).addEventListener("change", () => this.draw());
  }

  // Plotly's script is five megabytes: it comes after what can be seen without it.
  fetch() {
    const script = document.createElement("script");
    script.src = "plotly.js";
    script.onload = () => {
      this.plotly = window.Plotly;
      this.draw();
    };
    document.head.append(script);
  }

  clear(names, checked) {
    Object.assign(this, { names, checked, curves: names.map(() => ({ step: [], loss: [], validation: [] })) });
    this.draw();
  }

  rename(names) {
    this.names = names;
  }

  show(frame) {
    frame.lanes.forEach((lane, i) => {
      const curve = this.curves[i];
      if (!curve || curve.step.at(-1) === lane.step) return;
      curve.step.push(lane.step);
      curve.loss.push(lane.loss);
      curve.validation.push(lane.validation);
      if (curve.step.length > MOST) for (const name of Object.keys(curve)) curve[name] = curve[name].filter((_, k) => k % 2 === 0);
    });
    const now = performance.now();
    if (frame.playing && now - this.drawnAt < EVERY) return;
    this.drawnAt = now;
    this.draw();
  }

  draw() {
    if (!this.plotly) return;
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
    const traces = this.curves.flatMap((curve, i) => [
      this.#trace(curve.step, curve.loss, this.names[i], LANES[i], "solid"),
      ...(this.checked ? [this.#trace(curve.step, curve.validation, `${this.names[i]}, validation`, LANES[i], "dot")] : []),
    ]);
    const axis = { color: ink, gridcolor: line, zeroline: false };
    this.plotly.react(this.home, traces, {
      margin: { l: 72, r: 8, t: 8, b: 38 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12 },
      showlegend: false,
      xaxis: { ...axis, title: { text: "step" }, rangemode: "tozero" },
      yaxis: { ...axis, type: "log", exponentformat: "power", title: { text: "mean loss" } },
      uirevision: "same",
      datarevision: ++this.revision, // the arrays are the same ones, with more in them
    }, { displayModeBar: false, responsive: true });
  }

  #trace(x, y, name, colour, dash) {
    return { x, y, name, mode: "lines", line: { color: colour, dash, width: dash === "solid" ? 2 : 1.4 }, hovertemplate: "step %{x}: %{y:.4g}<extra>%{fullData.name}</extra>" };
  }
}
