// @ts-check
/** Numbers as they are written. */

/** @param {number | null | undefined} value */
export const isNumber = (value) => value != null && Number.isFinite(value);

/**
 * Short enough for axes and cells.
 * @param {any} value
 * @param {number} [digits]
 * @returns {string}
 */
export function written(value, digits = 4) {
  if (typeof value !== "number" || !Number.isFinite(value)) return value == null ? "" : String(value);
  if (Number.isInteger(value))
    return Math.abs(value) < 1e9 ? value.toLocaleString() : Number(value.toPrecision(digits)).toExponential();
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4
    ? Number(value.toPrecision(3)).toExponential()
    : String(Number(value.toPrecision(digits)));
}

// Letters of a name beside a chart; the whole one is in its tip and in its table.
const MOST_LETTERS = 18;

/** A name that leaves room for others. @param {string} name */
export const short = (name) => (name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name);

/**
 * What a scale of bars goes over: from 0, and of nothing but zeros to 1.
 * @param {import("./types.js").Numbers} values
 * @returns {[number, number]}
 */
export function span(values) {
  const [low, high] = limits(values) ?? [0, 1];
  return low === 0 && high === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
}

/**
 * The lowest and highest; null where there are no numbers.
 * @param {import("./types.js").Numbers} values
 * @returns {[number, number] | null}
 */
export function limits(values) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null || !Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}
