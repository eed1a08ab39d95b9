// @ts-check
/** Neurons, what connects them, and what each makes of a plane. */

import { bytesOf, canvasOf, colorsOf } from "./colors.js";
import { bytes } from "./pictures.js";
import { legend } from "./plots.js";

/** @typedef {import("./types.js").Chart} Chart */

// Of the small picture that a neuron is, in pixels, and the room around it.
const MOST = 44;
const GAP = 6;
// Of the line with the largest weight; the smallest are hardly seen.
const WIDEST = 5;
const FAINTEST = 0.08;
const DASHES = [6, 4];

/**
 * What connects neurons, which are counted through all layers.
 * @param {Record<string, any>} data
 * @returns {{from: number, to: number, weight: number}[]}
 */
export function connections({ sizes, weights }) {
  const found = [];
  let first = 0;
  let at = 0;
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    const next = first + sizes[layer];
    for (let from = first; from < next; from++) {
      for (let to = next; to < next + sizes[layer + 1]; to++) found.push({ from, to, weight: weights[at++] });
    }
    first = next;
  }
  return found;
}

/**
 * @param {HTMLElement} place
 * @returns {import("./types.js").View}
 */
export function makeNetwork(place) {
  const canvas = document.createElement("canvas");
  canvas.className = "wl-network";
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  return {
    draw(chart, width) {
      const colors = colorsOf(place);
      const [negative, positive] = [colors.series(0), colors.series(1)];
      const fontSize = chart.options.fontSize ?? 12;
      const { nodes, side, height } = laidOut(chart, width, fontSize);
      const scale = devicePixelRatio;
      canvas.width = width * scale;
      canvas.height = height * scale;
      canvas.style.height = `${height}px`;
      context.scale(scale, scale);
      drawConnections(context, connections(chart.data), nodes, side, [negative, positive]);
      drawNeurons(context, nodes, side, pictures(chart, [negative, positive]), colors.text);
      context.font = `${fontSize}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillStyle = colors.text;
      nodes.forEach(([x, y], i) => context.fillText(chart.data.labels[i], x, y + side / 2 + 2, width));
      const entries = /** @type {[string, string][]} */ ([["positive", positive], ["negative", negative]]);
      place.replaceChildren(legend(entries), canvas);
    },
  };
}

/**
 * The middles of the neurons, how large they are, and how high all of it is.
 * @param {Chart} chart
 * @param {number} width
 * @param {number} fontSize
 */
function laidOut({ data, options }, width, fontSize) {
  /** @type {number[]} */
  const sizes = data.sizes;
  const most = Math.max(...sizes);
  const text = fontSize + 2;
  const room = options.height ? options.height / most - text - GAP : MOST;
  const side = Math.max(8, Math.min(MOST, room, (0.6 * width) / sizes.length));
  const row = side + text + GAP;
  const column = width / sizes.length;
  const nodes = sizes.flatMap((size, layer) =>
    Array.from({ length: size }, (_, i) => {
      const y = ((most - size) / 2 + i) * row + side / 2 + 1;
      return /** @type {[number, number]} */ ([(layer + 0.5) * column, y]);
    }),
  );
  return { nodes, side, height: Math.ceil(most * row) };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{from: number, to: number, weight: number}[]} all
 * @param {[number, number][]} nodes
 * @param {number} side
 * @param {string[]} colors of what is negative, and of what is positive
 */
function drawConnections(context, all, nodes, side, colors) {
  const largest = Math.max(...all.map(({ weight }) => Math.abs(weight)).filter(Number.isFinite)) || 1;
  for (const { from, to, weight } of all) {
    const share = Math.abs(weight) / largest;
    if (!Number.isFinite(share)) continue;
    const [x1, y1] = nodes[from];
    const [x2, y2] = nodes[to];
    const [left, right] = [x1 + side / 2, x2 - side / 2];
    const middle = (left + right) / 2;
    context.beginPath();
    context.moveTo(left, y1);
    context.bezierCurveTo(middle, y1, middle, y2, right, y2);
    context.globalAlpha = FAINTEST + (1 - FAINTEST) * share;
    context.lineWidth = 0.5 + (WIDEST - 0.5) * share;
    context.strokeStyle = colors[Number(weight > 0)];
    context.setLineDash(weight < 0 ? DASHES : []);
    context.stroke();
  }
  context.globalAlpha = 1;
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} nodes
 * @param {number} side
 * @param {(HTMLCanvasElement | null)[]} seen
 * @param {string} color
 */
function drawNeurons(context, nodes, side, seen, color) {
  context.strokeStyle = color;
  context.lineWidth = 1;
  nodes.forEach(([x, y], i) => {
    const picture = seen[i];
    const corner = /** @type {const} */ ([x - side / 2, y - side / 2, side, side]);
    if (picture) context.drawImage(picture, ...corner);
    context.strokeRect(...corner);
  });
}

/**
 * A picture for each neuron that has one: its colours are the stronger the farther its values are from 0.
 * @param {Chart} chart
 * @param {string[]} colors of what is negative, and of what is positive
 */
function pictures({ data }, colors) {
  const { sizes, pictured, width, height } = data;
  const known = bytesOf(colors);
  const shades = bytes(data.pictures);
  let at = 0;
  return sizes.flatMap((/** @type {number} */ size, /** @type {number} */ layer) =>
    Array.from({ length: size }, () => {
      if (!pictured[layer]) return null;
      const { canvas, context } = canvasOf(width, height);
      const image = context.createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        const value = (shades[at++] - 128) / 127;
        const color = 4 * Number(value > 0);
        image.data.set(known.subarray(color, color + 3), 4 * i);
        image.data[4 * i + 3] = 255 * Math.min(1, Math.abs(value));
      }
      context.putImageData(image, 0, 0);
      return canvas;
    }),
  );
}
