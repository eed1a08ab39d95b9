// @ts-check
/** Points, bars and histograms, by Observable Plot. */

import { axisX, axisY, barY, dot, gridX, gridY, plot, pointer, rectY, ruleY, tip } from "@observablehq/plot";
import { colorsOf } from "./colors.js";
import { isNumber, limits, short, span, written } from "./numbers.js";

/** @typedef {import("./types.js").Chart} Chart */

const HEIGHT = 280;

// Of more points than these, those are drawn that others of their series do not cover.
const MOST_POINTS = 5000;
// How near to each other such points are: dots are twice as wide.
const NEAR = 3.5;

/**
 * @param {(chart: Chart, width: number, place: HTMLElement) => (Element | null)[]} drawn
 * @returns {(place: HTMLElement) => import("./types.js").View}
 */
export const view = (drawn) => (place) => ({
  draw(chart, width) {
    place.replaceChildren(...drawn(chart, width, place).filter((each) => each !== null));
  },
});

/**
 * A plot without the style element that policies forbid; its rules are in charts.css.
 * @param {Chart} chart
 * @param {number} width
 * @param {import("@observablehq/plot").PlotOptions} settings
 */
export function plotted({ options }, width, settings) {
  const made = plot({
    width,
    height: options.height ?? HEIGHT,
    className: "wl-plot",
    style: { fontSize: `${options.fontSize ?? 12}px`, overflow: "visible" },
    marginTop: 16,
    marginRight: 16,
    ...settings,
  });
  for (const style of made.querySelectorAll("style")) style.remove();
  return made;
}

/**
 * The name of an axis, in its middle.
 * @param {string | undefined} label
 * @returns {{label: string | null, labelAnchor: "center", labelArrow: "none"}}
 */
export const titled = (label) => ({ label: label ?? null, labelAnchor: "center", labelArrow: "none" });

/**
 * What is told of the thing that the pointer is nearest to, while there is a pointer: it is much to make.
 * @template T
 * @param {HTMLElement} place
 * @param {T[]} things
 * @param {{x: import("@observablehq/plot").ChannelValue, y: import("@observablehq/plot").ChannelValue, title: (thing: T) => string, maxRadius?: number}} told
 */
export const tips = (place, things, told) => (place.matches(":hover") ? tip(things, pointer(told)) : null);

/** @param {number} value */
export const tick = (value) => written(value);

/**
 * Room for the numbers of a vertical axis.
 * @param {string[]} texts
 * @param {string | undefined} label
 */
export const roomFor = (texts, label) =>
  Math.min(160, 18 + 7 * Math.max(2, ...texts.map((each) => each.length))) + (label ? 18 : 0);

/** @param {[string, string][]} entries names and colours */
export function legend(entries) {
  const made = document.createElement("div");
  made.className = "wl-legend";
  for (const [name, color] of entries) {
    const entry = made.appendChild(document.createElement("span"));
    const swatch = entry.appendChild(document.createElement("i"));
    swatch.style.background = color;
    entry.append(name);
  }
  return made;
}

/**
 * The points of a cloud that are seen: of a series, one of those that lie in the same place.
 * @template {{x: number, y: number, color: string}} T
 * @param {T[]} rows
 * @param {[number, number]} size of the plot
 * @param {boolean} [isLog]
 */
export function uncovered(rows, size, isLog = false) {
  if (rows.length <= MOST_POINTS) return rows;
  const axes = [rows.map((row) => row.x), rows.map((row) => (isLog ? Math.log(row.y) : row.y))];
  const cells = axes.map((values, i) => {
    const [low, high] = /** @type {[number, number]} */ (limits(values));
    const each = (high / size[i] - low / size[i]) * NEAR;
    return values.map((value) => (each ? Math.floor(value / each - low / each) : 0));
  });
  /** @type {Map<string, T>} */
  const seen = new Map();
  rows.forEach((row, i) => {
    const cell = `${row.color} ${cells[0][i]} ${cells[1][i]}`;
    if (!seen.has(cell)) seen.set(cell, row);
  });
  return [...seen.values()];
}

export const makePoints = view((chart, width, place) => {
  const colors = colorsOf(place);
  const { options } = chart;
  /** @type {import("./types.js").Series[]} */
  const series = chart.data.series;
  /** @param {number} i */
  const color = (i) => options.seriesColors?.[i] ?? colors.series(i);
  const isLog = options.yType === "log";
  const every = series.flatMap(({ name, x, y }, i) =>
    Array.from(x, (value, k) => ({
      x: /** @type {number} */ (value),
      y: /** @type {number} */ (y[k]),
      name,
      color: color(i),
    })).filter((row) => isNumber(row.x) && isNumber(row.y) && !(isLog && row.y <= 0)),
  );
  const rows = uncovered(every, [width, options.height ?? HEIGHT], isLog);
  const svg = plotted(chart, width, {
    marginLeft: 44 + (options.yLabel ? 18 : 0),
    marginBottom: 44,
    x: { domain: options.xAxisDomain, nice: !options.xAxisDomain, zero: !options.zoomToFit },
    y: {
      domain: options.yAxisDomain,
      nice: !options.yAxisDomain,
      type: isLog ? "log" : "linear",
      ...(isLog ? {} : { zero: !options.zoomToFit }),
    },
    color: { type: "identity" },
    marks: [
      gridX(),
      gridY(),
      axisX({ ...titled(options.xLabel), ticks: Math.max(2, width / 80), tickFormat: tick }),
      axisY({ ...titled(options.yLabel), ticks: 6, tickFormat: tick }),
      dot(rows, { x: "x", y: "y", fill: "color", fillOpacity: 0.75, r: 3.5 }),
      tips(place, rows, { x: "x", y: "y", title: (row) => `${row.name}\n${written(row.x)}, ${written(row.y)}` }),
    ],
  });
  return [series.length > 1 ? legend(series.map(({ name }, i) => [name, color(i)])) : null, svg];
});

/**
 * Of the bars at each place the lowest and the highest; of those that have one of their own, all.
 * @template {{at: number, value: any}} T
 * @param {T[]} rows in order
 */
function outermost(rows) {
  /** @type {T[]} */
  const found = [];
  for (let from = 0, to = 0; from < rows.length; from = to) {
    let [low, high] = [rows[from], rows[from]];
    for (; to < rows.length && rows[to].at === rows[from].at; to++) {
      if (rows[to].value < low.value) low = rows[to];
      if (rows[to].value > high.value) high = rows[to];
    }
    found.push(...new Set([low, high]));
  }
  return found;
}

export const makeBars = view((chart, width, place) => {
  const { options } = chart;
  /** @type {{labels: string[], values: ArrayLike<number>}} */
  const { labels, values } = /** @type {any} */ (chart.data);
  // so many bars share a pixel
  const together = Math.ceil(labels.length / Math.max(1, width - 70));
  const rows = outermost(
    labels.map((label, i) => ({ at: Math.floor(i / together), label, value: values[i] })).filter((row) => isNumber(row.value)),
  );
  const names = labels.filter((_, i) => i % together === 0).map(short);
  const most = limits(names.map((name) => name.length))?.[1] ?? 0;
  const band = (width - 70) / names.length;
  const isTurned = 7 * most + 6 > band;
  const every = Math.ceil(16 / band);
  const domain = span(values);
  return [
    plotted(chart, width, {
      // a turned name ends below its bar and begins to the left of it
      marginLeft: Math.max(roomFor(domain.map((each) => written(each)), options.yLabel), isTurned ? 5 * most - band / 2 : 0),
      marginBottom: (isTurned ? Math.min(110, 5.5 * most + 20) : 26) + (options.xLabel ? 18 : 0),
      x: { type: "band", padding: 0.2, domain: names.map((_, at) => at) },
      y: { domain, nice: true },
      marks: [
        gridY(),
        axisX(
          names.map((_, at) => at).filter((at) => at % every === 0),
          {
            ...titled(options.xLabel),
            tickFormat: (/** @type {number} */ at) => names[at],
            tickRotate: isTurned ? -40 : 0,
            tickSize: 0,
          },
        ),
        axisY({ ...titled(options.yLabel), ticks: 5, tickFormat: tick }),
        // from 0 each: Plot would pile up those at one place
        barY(rows, { x: "at", y1: () => 0, y2: "value", fill: options.color ?? colorsOf(place).series(0) }),
        ruleY([0]),
        tips(place, rows, { x: "at", y: "value", title: (row) => `${row.label}: ${written(row.value)}` }),
      ],
    }),
  ];
});

export const makeHistogram = view((chart, width, place) => {
  const { options } = chart;
  const { edges, counts, stats } = chart.data;
  const rows = Array.from(/** @type {ArrayLike<number>} */ (counts), (count, i) => ({
    x1: edges[i],
    x2: edges[i + 1],
    count,
  }));
  /** @type {HTMLElement | null} */
  let numbers = null;
  if (options.stats) {
    numbers = document.createElement("div");
    numbers.className = "wl-legend";
    for (const [name, value] of Object.entries(stats)) {
      const entry = numbers.appendChild(document.createElement("span"));
      entry.textContent = `${name} `;
      entry.appendChild(document.createElement("b")).textContent = written(value) || "–";
      // what should not be there is seen at once
      entry.classList.toggle("wl-fault", (name === "NaN" || name === "infinite") && value > 0);
    }
  }
  return [
    numbers,
    plotted(chart, width, {
      height: options.height ?? 200,
      marginLeft: roomFor([written(span(counts)[1])], options.yLabel),
      marginBottom: 28 + (options.xLabel ? 18 : 0),
      x: { domain: [edges[0], edges[edges.length - 1]] },
      y: { domain: span(counts), nice: true },
      marks: [
        gridY(),
        axisX({ ...titled(options.xLabel), ticks: Math.max(2, width / 80), tickFormat: tick }),
        axisY({ ...titled(options.yLabel), ticks: 4, tickFormat: tick }),
        rectY(rows, { x1: "x1", x2: "x2", y: "count", fill: options.color ?? colorsOf(place).series(0), inset: 0.5 }),
        ruleY([0]),
        tips(place, rows, {
          x: (/** @type {any} */ row) => (row.x1 + row.x2) / 2,
          y: "count",
          title: (row) => `${written(row.count)} from ${written(row.x1)} to ${written(row.x2)}`,
        }),
      ],
    }),
  ];
});
