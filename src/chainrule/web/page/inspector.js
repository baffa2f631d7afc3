// Every number at one point, there and back, as the lecture writes it. The formulas come as HTML from the server, which
// escapes all names in them.

import { byId } from "./parts.js";

const EVERY = 250; // milliseconds between two looks while the network learns

export class Inspector {
  constructor(send) {
    Object.assign(this, { send, asked: null, waiting: false, askedAt: 0, step: -1 });
    byId("close-inspector").addEventListener("click", () => this.close());
    byId("edge").addEventListener("change", () => this.ask());
  }

  open(lane, row, at) {
    this.asked = row === null ? { lane, at } : { lane, row };
    this.ask();
  }

  ask() {
    if (!this.asked) return;
    this.waiting = true;
    this.askedAt = performance.now();
    this.send({ do: "inspect", ...this.asked, edge: Number(byId("edge").value) });
  }

  show(message) {
    this.waiting = false;
    this.step = message.step;
    const home = byId("inspector");
    const first = home.hidden;
    home.hidden = false;
    byId("inspected").innerHTML = message.html;
    Object.assign(home.dataset, { step: message.step, lane: message.lane, loss: message.loss, milliseconds: performance.now() - this.askedAt });
    if (first) home.scrollIntoView({ block: "nearest" });
  }

  // Ask again, where the network has changed.
  follow(frame) {
    if (!this.asked || this.waiting || byId("inspector").hidden || !byId("follow").checked) return;
    const lane = frame.lanes[this.asked.lane];
    if (lane && lane.step !== this.step && performance.now() - this.askedAt > EVERY) this.ask();
  }

  failed() {
    this.waiting = false;
  }

  close() {
    this.asked = null;
    byId("inspector").hidden = true;
  }
}
