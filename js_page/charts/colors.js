// @ts-check
/** Colours: of a page where it has them as `--wl-...`, else some that are told apart in the light and in the dark. */

import { scale } from "@observablehq/plot";

const SERIES = ["#4269d0", "#e07b00", "#d6455d", "#2a9d8f", "#8a52d9", "#7a9a01", "#c64ea3", "#8c6a4f"];
export const GRID = "rgba(128,128,128,0.25)";

/** @param {Element} element */
export function colorsOf(element) {
  const style = getComputedStyle(element);
  /** @param {string} name @param {string} fallback */
  const named = (name, fallback) => style.getPropertyValue(name).trim() || fallback;
  return {
    text: style.color,
    grid: named("--wl-grid", GRID),
    /** @param {number} i */
    series: (i) => named(`--wl-series-${(i % SERIES.length) + 1}`, SERIES[i % SERIES.length]),
  };
}

/** @param {number} width @param {number} height */
export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this page cannot draw on a canvas");
  return { canvas, context };
}

/** Asking a canvas for its bytes takes long, and charts are drawn again and again. @type {Map<string, Uint8ClampedArray<ArrayBuffer>>} */
const known = new Map();
const MOST_KNOWN = 100;

/**
 * The bytes `[n, 4]` of CSS colours.
 * @param {string} name by which they are known
 * @param {() => string[]} make
 */
function kept(name, make) {
  const found = known.get(name);
  if (found) return found;
  const colors = make();
  const { context } = canvasOf(Math.max(1, colors.length), 1);
  colors.forEach((color, i) => {
    context.fillStyle = color;
    context.fillRect(i, 0, 1, 1);
  });
  const made = context.getImageData(0, 0, Math.max(1, colors.length), 1).data;
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(name, made);
  return made;
}

/**
 * The bytes `[n, 4]` of CSS colours.
 * @param {string[]} colors
 */
export const bytesOf = (colors) => kept(colors.join(";"), () => colors);

/** @type {Record<string, any>} */
const SCHEMES = {
  viridis: { scheme: "viridis" },
  blues: { scheme: "blues" },
  greyscale: { range: ["#000", "#fff"], interpolate: "rgb" },
  diverging: { scheme: "rdbu", reverse: true },
};
const STEPS = 256;

/**
 * A colour map: bytes of equal steps, and what they mean.
 * @param {import("./types.js").Chart["options"]} options
 * @param {[number, number]} values the lowest and the highest
 */
export function colorMap(options, values) {
  const far = Math.max(Math.abs(values[0]), Math.abs(values[1]));
  const [low, high] = options.domain ?? (options.colorMap === "diverging" ? [-far, far] : values);
  const bytes = kept(`${options.colorMap} ${!!options.reverseColorMap}`, () => {
    const { scheme, range, interpolate, reverse = false } = SCHEMES[options.colorMap] ?? SCHEMES.viridis;
    const turned = reverse !== !!options.reverseColorMap;
    const color = scale({ color: { type: "linear", domain: [0, 1], scheme, range, interpolate, reverse: turned } });
    return Array.from({ length: STEPS }, (_, i) => color.apply(i / (STEPS - 1)));
  });
  return {
    low,
    high,
    bytes,
    /** @param {number} value the number of its step */
    step: (value) => Math.max(0, Math.min(STEPS - 1, Math.round(((value - low) / (high - low || 1)) * (STEPS - 1)))),
    /** @param {number} step */
    color: (step) => bytes.subarray(4 * step, 4 * step + 4),
    /** @param {number} step */
    css: (step) => `rgb(${bytes[4 * step]},${bytes[4 * step + 1]},${bytes[4 * step + 2]})`,
    /** @param {number} step whether black is better to read on it than white */
    isLight: (step) => 0.3 * bytes[4 * step] + 0.59 * bytes[4 * step + 1] + 0.11 * bytes[4 * step + 2] > 140,
  };
}
