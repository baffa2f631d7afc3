// The loss curves of all lanes, by Plotly.

import { LANES } from "./colours.js";
import { element } from "./parts.js";

const EVERY = 300; // milliseconds between two drawings
const MOST = 1500; // points of a curve; beyond, every second one is left out

export class Chart {
  constructor(home) {
    Object.assign(this, { home, curves: [], names: [], drawnAt: 0, plotly: null, checked: false, revision: 0 });
    for (const query of ["(prefers-color-scheme: dark)", "(max-width: 720px)"]) matchMedia(query).addEventListener("change", () => this.draw());
  }

  // Plotly's script is five megabytes: it comes after what can be seen without it. It leaves out the styles of maps
  // where elements of their ids are there.
  fetch(stylesOfMaps) {
    document.head.append(...stylesOfMaps.map((id) => element("meta", { id })));
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

  show(frame) {
    frame.lanes.forEach((lane, i) => {
      const curve = this.curves[i];
      if (!curve) return;
      for (const [step, loss, validation] of lane.curve) {
        curve.step.push(step);
        curve.loss.push(loss);
        curve.validation.push(validation);
      }
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
    const zoom = Number(style.getPropertyValue("--zoom"));
    const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
    const traces = this.curves.flatMap((curve, i) => [
      this.#trace(curve.step, curve.loss, this.names[i], LANES[i], "solid", zoom),
      ...(this.checked ? [this.#trace(curve.step, curve.validation, `${this.names[i]}, validation`, LANES[i], "dot", zoom)] : []),
    ]);
    const axis = { color: ink, gridcolor: line, zeroline: false };
    this.plotly.react(this.home, traces, {
      margin: { l: 76 * zoom, r: 8, t: 8, b: 38 * zoom },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, size: 12 * zoom },
      showlegend: false,
      xaxis: { ...axis, title: { text: "step" }, rangemode: "tozero" },
      yaxis: { ...axis, type: "log", tickformat: "~g", nticks: 8, title: { text: "mean loss", standoff: 12 } }, // powers would be raised by a style, which the policy forbids
      uirevision: "same",
      datarevision: ++this.revision, // the arrays are the same ones, with more in them
    }, { displayModeBar: false, responsive: true });
  }

  #trace(x, y, name, colour, dash, zoom) {
    return { x, y, name, mode: "lines", line: { color: colour, dash, width: (dash === "solid" ? 2 : 1.4) * zoom }, hovertemplate: "step %{x}: %{y:.4g}<extra>%{fullData.name}</extra>" };
  }
}
