// The WebSocket: messages are JSON, frames are bytes as web/frame.py packs them.

const TYPES = { "|u1": Uint8Array, "<f4": Float32Array, "<i4": Int32Array };

export function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const { name, type, shape, at } of header.arrays) {
    const count = shape.reduce((a, b) => a * b, 1);
    arrays[name] = { data: new TYPES[type](buffer, 4 + length + at, count), shape };
  }
  return { ...header, arrays };
}

export class Link {
  // `heard` takes messages by what they say, `shown` the newest frame, `lost` the reason why nothing more comes.
  constructor({ heard, shown, lost }) {
    this.newest = null;
    this.socket = new WebSocket(`ws://${location.host}/ws`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      if (typeof data === "string") heard(JSON.parse(data));
      else this.#keep(unpack(data), shown);
    };
    this.socket.onclose = ({ reason }) => lost(reason);
  }

  // A frame is drawn when the browser draws, and only then is the server told that it was seen.
  #keep(frame, shown) {
    const waits = this.newest !== null;
    if (waits && this.newest.run === frame.run) frame.lanes.forEach((lane, i) => lane.curve.unshift(...this.newest.lanes[i].curve)); // that frame is not drawn
    this.newest = frame;
    if (waits) return;
    requestAnimationFrame(() => {
      const drawn = this.newest;
      this.newest = null;
      shown(drawn);
      this.send({ do: "seen", frame: drawn.frame });
    });
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
