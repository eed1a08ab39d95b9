// @ts-check
/** Tables: as charts of their own, and the data of others. */

import { connections } from "./network.js";
import { isNumber, written } from "./numbers.js";

/** @typedef {import("./types.js").Chart} Chart */
/** @typedef {import("./types.js").Table} Table */

// Rows of data that somebody would read.
const MOST_ROWS = 200;
const DIGITS = 6;

/**
 * @param {Table} table
 * @param {string} name
 */
export function tableElement(table, name) {
  const box = document.createElement("div");
  box.className = "wl-table";
  // wide ones are scrolled, with the keyboard too
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", name);
  const made = box.appendChild(document.createElement("table"));
  const head = made.createTHead().insertRow();
  const columns = table.headers.map((_, i) => table.rows.some((row) => typeof row[i] === "number"));
  table.headers.forEach((text, i) => {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col";
    cell.textContent = text;
    cell.className = columns[i] ? "wl-number" : "";
  });
  const body = made.createTBody();
  for (const row of table.rows) {
    const line = body.insertRow();
    row.forEach((value, i) => {
      const cell = line.insertCell();
      cell.textContent = value == null || Number.isNaN(value) ? "–" : written(value, DIGITS);
      cell.className = columns[i] ? "wl-number" : "";
    });
  }
  return box;
}

/**
 * The view of a table.
 * @param {HTMLElement} place
 * @returns {import("./types.js").View}
 */
export function makeTable(place) {
  /** @type {Chart | undefined} */
  let drawn;
  return {
    draw(chart) {
      if (drawn === chart) return;
      drawn = chart;
      const { headers, rows } = chart.data;
      place.replaceChildren(tableElement({ headers, rows }, chart.title || chart.text));
    },
  };
}

/**
 * What a chart has drawn, as a table; null where nobody would read it.
 * @param {Chart} chart
 * @returns {Table | null}
 */
export function dataOf(chart) {
  const table = TABLES[chart.kind]?.(chart.data, chart.options) ?? null;
  return table && table.rows.length && table.rows.length <= MOST_ROWS ? table : null;
}

/** @type {Record<string, (data: any, options: any) => Table>} */
const TABLES = {
  lines: byX,
  points: (data, options) => ({
    headers: ["series", options.xLabel ?? "x", options.yLabel ?? "y"],
    rows: data.series.flatMap((/** @type {import("./types.js").Series} */ { name, x, y }) =>
      Array.from(x, (value, i) => [name, value, y[i]]),
    ),
  }),
  bars: (data, options) => ({
    headers: [options.xLabel ?? "", options.yLabel ?? "value"],
    rows: data.labels.map((/** @type {string} */ label, /** @type {number} */ i) => [label, data.values[i]]),
  }),
  histogram: (data) => ({
    headers: ["from", "to", "count"],
    rows: Array.from(data.counts, (count, i) => [data.edges[i], data.edges[i + 1], count]),
  }),
  heatmap: (data) => matrix(data.values, data.rows, data.columns, data.ys, data.xs),
  network: (data) => ({
    headers: ["from", "to", "weight"],
    rows: connections(data).map(({ from, to, weight }) => [data.labels[from], data.labels[to], weight]),
  }),
  confusion: (data) => matrix(data.values, data.labels.length, data.labels.length, data.labels, data.labels),
};

/**
 * Lines by their common x.
 * @param {{series: import("./types.js").Series[]}} data
 * @param {any} options
 */
function byX(data, options) {
  /** @type {Map<number, any[]>} */
  const rows = new Map();
  data.series.forEach(({ x, y }, i) => {
    for (let k = 0; k < x.length && rows.size <= MOST_ROWS; k++) {
      const at = /** @type {number} */ (x[k]);
      if (!isNumber(at)) continue;
      const row = rows.get(at) ?? [at, ...data.series.map(() => null)];
      row[i + 1] = y[k];
      rows.set(at, row);
    }
  });
  const headers = [options.xLabel ?? "x", ...data.series.map(({ name }) => name)];
  return { headers, rows: [...rows.values()].sort((a, b) => a[0] - b[0]) };
}

/**
 * @param {import("./types.js").Numbers} values
 * @param {number} rows
 * @param {number} columns
 * @param {string[] | null} ys
 * @param {string[] | null} xs
 * @returns {Table}
 */
function matrix(values, rows, columns, ys, xs) {
  // too wide to read
  if (columns > 40) return { headers: [], rows: [] };
  /** @param {string[] | null} labels @param {number} i */
  const named = (labels, i) => labels?.[i] ?? String(i);
  return {
    headers: ["", ...Array.from({ length: columns }, (_, j) => named(xs, j))],
    rows: Array.from({ length: rows }, (_, i) => [
      named(ys, i),
      ...Array.from({ length: columns }, (_, j) => /** @type {number} */ (values[i * columns + j])),
    ]),
  };
}
