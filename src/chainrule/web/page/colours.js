// Colours that eyes without red or green tell apart (Okabe & Ito 2008), for classes and for lanes.

export const CLASSES = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7A5C00", "#6A3D9A"];
export const LANES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D3B", "#7F7F7F"];
const UNKNOWN = 255; // the byte for what is not finite
const DEPTH = 0.62; // of a region's colour: points of the same class stand out from it

export const classColour = (i) => CLASSES[i % CLASSES.length];

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const neutral = () => getComputedStyle(document.documentElement).getPropertyValue("--neutral").trim().split(" ").map(Number);
const mixed = (from, to, share) => from.map((c, i) => Math.round(c + (to[i] - c) * share));
const packed = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r; // as a little-endian machine lays out RGBA

// From one colour over the page's own to another: 256 pixels, the last for what is not finite.
export function between(low, high) {
  const middle = neutral();
  const palette = new Int32Array(256);
  for (let i = 0; i < UNKNOWN; i++) {
    const share = (i / 254) * 2 - 1;
    palette[i] = packed(mixed(middle, rgb(share < 0 ? low : high), Math.abs(share) * DEPTH));
  }
  palette[UNKNOWN] = packed([128, 128, 128]);
  return palette;
}

// For several classes: the colour of the most probable, the weaker the less sure.
export function ofClasses(count) {
  const middle = neutral();
  const palettes = Array.from({ length: count }, (_, k) => {
    const palette = new Int32Array(256);
    for (let i = 0; i < 256; i++) palette[i] = packed(mixed(middle, rgb(classColour(k)), DEPTH * (i / 254)));
    return palette;
  });
  const grey = packed([128, 128, 128]);
  return (k, strength) => (k === UNKNOWN || strength === UNKNOWN ? grey : palettes[k][strength]);
}
