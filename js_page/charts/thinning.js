// @ts-check
/** Lines that have more points than anybody sees; src/weblayers/page/thinning.py does the same. */

import { isNumber } from "./numbers.js";

// Stretches of lines that are told apart.
const STRETCHES = 500;

/** @typedef {(number | null | undefined)[]} Line values at all x, in order; undefined where it has none */

/**
 * Of lines that have become long what shows how they go: each line's first, last, lowest and highest values in equal
 * stretches of x. These do not depend on what was left out before, so that lines that grow for long keep their shape
 * everywhere.
 * @param {number[]} xs
 * @param {Line[]} lines
 * @returns {[number[], Line[]]}
 */
export function thinned(xs, lines) {
  if (xs.length <= 8 * STRETCHES * lines.length) return [xs, lines];
  const first = xs[0];
  const size = xs[xs.length - 1] / STRETCHES - first / STRETCHES;
  const stretch = (/** @type {number} */ row) => Math.min(STRETCHES - 1, Math.floor(xs[row] / size - first / size));
  /** @type {Set<number>} */
  const kept = new Set();
  for (let from = 0, to = 0; from < xs.length; from = to) {
    const at = stretch(from);
    while (to < xs.length && stretch(to) === at) to++;
    for (const line of lines) for (const row of ends(line, from, to)) kept.add(row);
  }
  const rows = [...kept].sort((a, b) => a - b);
  return [rows.map((row) => xs[row]), lines.map((line) => rows.map((row) => line[row]))];
}

/**
 * The rows of a stretch where a line has its first, last, lowest and highest values; a gap where it has none.
 * @param {Line} line @param {number} from @param {number} to
 */
function ends(line, from, to) {
  const value = (/** @type {number} */ row) => /** @type {number} */ (line[row]);
  /** @type {[number, number, number, number] | undefined} */
  let found;
  for (let row = from; row < to; row++) {
    if (!isNumber(line[row])) continue;
    found ??= [row, row, row, row];
    found[1] = row;
    if (value(row) < value(found[2])) found[2] = row;
    if (value(row) > value(found[3])) found[3] = row;
  }
  return found ?? [from];
}
