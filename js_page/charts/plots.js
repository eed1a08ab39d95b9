// @ts-check
/** Points, bars, histograms and fields of colours, by Observable Plot. */

import {
  axisX,
  axisY,
  barY,
  cell,
  dot,
  gridX,
  gridY,
  plot,
  pointer,
  rectY,
  ruleY,
  text,
  tip,
} from "@observablehq/plot";
import { bytesOf, canvasOf, colorMap, colorsOf } from "./colors.js";
import { isNumber, limits, written } from "./numbers.js";

/** @typedef {import("./types.js").Chart} Chart */

const HEIGHT = 280;
// Of more cells, nobody is told which one the pointer is on.
const MOST_CELLS = 10000;

/**
 * @param {(chart: Chart, width: number, place: HTMLElement) => (Element | null)[]} drawn
 * @returns {(place: HTMLElement) => import("./types.js").View}
 */
const view = (drawn) => (place) => ({
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
function plotted({ options }, width, settings) {
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
const titled = (label) => ({ label: label ?? null, labelAnchor: "center", labelArrow: "none" });

/** @param {number} value */
const tick = (value) => written(value);

/**
 * Room for the numbers of a vertical axis.
 * @param {string[]} texts
 * @param {string | undefined} label
 */
const roomFor = (texts, label) =>
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

export const makePoints = view((chart, width, place) => {
  const colors = colorsOf(place);
  const { options } = chart;
  /** @type {import("./types.js").Series[]} */
  const series = chart.data.series;
  /** @param {number} i */
  const color = (i) => options.seriesColors?.[i] ?? colors.series(i);
  const isLog = options.yType === "log";
  const rows = series.flatMap(({ name, x, y }, i) =>
    Array.from(x, (value, k) => ({ x: value, y: y[k], name, color: color(i) })).filter(
      (row) => isNumber(row.x) && isNumber(row.y) && !(isLog && /** @type {number} */ (row.y) <= 0),
    ),
  );
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
      tip(rows, pointer({ x: "x", y: "y", title: (row) => `${row.name}\n${written(row.x)}, ${written(row.y)}` })),
    ],
  });
  return [series.length > 1 ? legend(series.map(({ name }, i) => [name, color(i)])) : null, svg];
});

export const makeBars = view((chart, width, place) => {
  const { options } = chart;
  /** @type {{labels: string[], values: ArrayLike<number>}} */
  const { labels, values } = /** @type {any} */ (chart.data);
  const rows = labels.map((label, i) => ({ i, label, value: values[i] }));
  const most = Math.max(...labels.map((label) => label.length));
  const band = (width - 70) / labels.length;
  const isTurned = 7 * most + 6 > band;
  const every = Math.ceil(16 / band);
  const [low, high] = limits(values) ?? [0, 1];
  return [
    plotted(chart, width, {
      marginLeft: roomFor([written(low), written(high)], options.yLabel),
      marginBottom: (isTurned ? Math.min(110, 5.5 * most + 20) : 26) + (options.xLabel ? 18 : 0),
      x: { type: "band", padding: 0.2 },
      marks: [
        gridY(),
        axisX(
          rows.map((row) => row.i).filter((i) => i % every === 0),
          {
            ...titled(options.xLabel),
            tickFormat: (/** @type {number} */ i) => labels[i],
            tickRotate: isTurned ? -40 : 0,
            tickSize: 0,
          },
        ),
        axisY({ ...titled(options.yLabel), ticks: 5, tickFormat: tick }),
        barY(
          rows.filter((row) => isNumber(row.value)),
          { x: "i", y: "value", fill: options.color ?? colorsOf(place).series(0) },
        ),
        ruleY([0]),
        tip(rows, pointer({ x: "i", y: "value", title: (row) => `${row.label}: ${written(row.value)}` })),
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
      marginLeft: roomFor([written(limits(counts)?.[1] ?? 0)], options.yLabel),
      marginBottom: 28 + (options.xLabel ? 18 : 0),
      x: { domain: [edges[0], edges[edges.length - 1]] },
      y: { zero: true },
      marks: [
        gridY(),
        axisX({ ...titled(options.xLabel), ticks: Math.max(2, width / 80), tickFormat: tick }),
        axisY({ ...titled(options.yLabel), ticks: 4, tickFormat: tick }),
        rectY(rows, { x1: "x1", x2: "x2", y: "count", fill: options.color ?? colorsOf(place).series(0), inset: 0.5 }),
        ruleY([0]),
        tip(
          rows,
          pointer({
            x: (row) => (row.x1 + row.x2) / 2,
            y: "count",
            title: (row) => `${written(row.count)} from ${written(row.x1)} to ${written(row.x2)}`,
          }),
        ),
      ],
    }),
  ];
});

/**
 * A plot over pixels, which span its scales.
 * @param {any} svg
 * @param {HTMLCanvasElement} canvas
 */
function over(svg, canvas) {
  const box = document.createElement("div");
  box.className = "wl-field";
  const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
  const [x, y] = ["x", "y"].map((name) => [...svg.scale(name).range].sort((a, b) => a - b));
  box.style.width = `${width}px`;
  canvas.style.left = `${(100 * x[0]) / width}%`;
  canvas.style.top = `${(100 * y[0]) / height}%`;
  canvas.style.width = `${(100 * (x[1] - x[0])) / width}%`;
  canvas.style.height = `${(100 * (y[1] - y[0])) / height}%`;
  box.append(canvas, svg);
  return box;
}

/**
 * The axes of a matrix: names in the middle of their cells, as many as there is room for.
 * @param {{rows: number, columns: number, xs: string[], ys: string[]}} names
 * @param {any} options
 * @param {number} width
 */
function cellAxes({ rows, columns, xs, ys }, options, width) {
  const left = roomFor(ys, options.yLabel);
  const band = (width - left - 16) / columns;
  const most = Math.max(1, ...xs.map((each) => each.length));
  const isTurned = 7 * most + 4 > band * Math.ceil(24 / band);
  const everyX = Math.ceil((isTurned ? 16 : 24) / band);
  const bottom = (isTurned ? Math.min(110, 5.5 * most + 14) : 24) + (options.xLabel ? 18 : 0);
  const height =
    options.height ?? Math.max(140, Math.min(440, ((width - left - 16) * rows) / columns, rows * 40) + bottom + 16);
  const everyY = Math.ceil((14 * rows) / (height - bottom - 16));
  const indices = (/** @type {number} */ many) => Array.from({ length: many }, (_, i) => i);
  /** @type {import("@observablehq/plot").PlotOptions & {marginLeft: number}} */
  const settings = {
    height,
    marginLeft: left,
    marginBottom: bottom,
    x: { type: "band", domain: indices(columns), padding: 0, round: false },
    y: { type: "band", domain: indices(rows), padding: 0, round: false },
  };
  return {
    settings,
    axes: [
      axisX(
        indices(columns).filter((i) => i % everyX === 0),
        {
          ...titled(options.xLabel),
          tickFormat: (/** @type {number} */ i) => xs[i],
          tickRotate: isTurned ? -40 : 0,
          tickSize: 0,
        },
      ),
      axisY(
        indices(rows).filter((i) => i % everyY === 0),
        { ...titled(options.yLabel), tickFormat: (/** @type {number} */ i) => ys[i], tickSize: 0 },
      ),
    ],
  };
}

/** @param {string[] | null} labels @param {number} many */
const namesOf = (labels, many) => labels ?? Array.from({ length: many }, (_, i) => String(i));

export const makeHeatmap = view((chart, width) => {
  const { options } = chart;
  const { values, rows, columns } = chart.data;
  const names = { rows, columns, xs: namesOf(chart.data.xs, columns), ys: namesOf(chart.data.ys, rows) };
  const map = colorMap(options, limits(values) ?? [0, 1]);
  const { canvas, context } = canvasOf(columns, rows);
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const step = isNumber(values[i]) ? map.step(values[i]) : -1;
    // gaps stay transparent
    if (step >= 0) image.data.set(map.bytes.subarray(4 * step, 4 * step + 4), 4 * i);
  }
  context.putImageData(image, 0, 0);
  const { settings, axes } = cellAxes(names, options, width);
  const cells = rows * columns <= MOST_CELLS ? Array.from({ length: rows * columns }, (_, i) => i) : [];
  const svg = plotted(chart, width, {
    ...settings,
    marks: [
      ...axes,
      tip(
        cells,
        pointer({
          x: (i) => i % columns,
          y: (i) => Math.floor(i / columns),
          title: (i) => `${names.ys[Math.floor(i / columns)]}, ${names.xs[i % columns]}: ${written(values[i]) || "–"}`,
        }),
      ),
    ],
  });
  return [ramp(map), over(svg, canvas)];
});

/** What the colours mean. @param {ReturnType<typeof colorMap>} map */
function ramp(map) {
  const made = document.createElement("div");
  made.className = "wl-legend";
  const { canvas, context } = canvasOf(map.bytes.length / 4, 1);
  context.putImageData(new ImageData(map.bytes, map.bytes.length / 4, 1), 0, 0);
  canvas.className = "wl-ramp";
  made.append(written(map.low), canvas, written(map.high));
  return made;
}

export const makeConfusion = view((chart, width) => {
  const { options } = chart;
  const { values, labels } = chart.data;
  const many = labels.length;
  const side = Math.min(width, 90 * many + 200);
  const cells = Array.from({ length: many * many }, (_, i) => ({
    row: Math.floor(i / many),
    column: i % many,
    value: values[i],
  }));
  const isShaded = (/** @type {any} */ each) =>
    isNumber(each.value) && (options.shadeDiagonal || each.row !== each.column);
  const shaded = cells.filter(isShaded);
  const map = colorMap(options, [0, limits(shaded.map((each) => each.value))?.[1] ?? 1]);
  const { settings, axes } = cellAxes({ rows: many, columns: many, xs: labels, ys: labels }, options, side);
  const band = (side - settings.marginLeft - 16) / many;
  const longest = Math.max(1, ...cells.map((each) => written(each.value).length));
  return [
    plotted(chart, side, {
      ...settings,
      color: { type: "identity" },
      marks: [
        ...axes,
        cell(shaded, { x: "column", y: "row", fill: (each) => map.css(map.step(each.value)), inset: 0.5 }),
        // numbers that do not fit are in the tips
        text(options.showTextOverlay && 7 * longest < band ? cells : [], {
          x: "column",
          y: "row",
          text: (each) => written(each.value),
          fill: (each) => (!isShaded(each) ? "currentColor" : map.isLight(map.step(each.value)) ? "#000" : "#fff"),
        }),
        tip(
          cells,
          pointer({
            x: "column",
            y: "row",
            title: (each) => `${labels[each.row]} taken for ${labels[each.column]}: ${written(each.value)}`,
          }),
        ),
      ],
    }),
  ];
});

export const makeBoundary = view((chart, width, place) => {
  const { options } = chart;
  const { field, sureness, size, xRange, yRange, x, y, classes, labels } = chart.data;
  const colors = colorsOf(place);
  const bytes = bytesOf(labels.map((/** @type {string} */ _, /** @type {number} */ i) => colors.series(i)));
  const { canvas, context } = canvasOf(size, size);
  const image = context.createImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    image.data.set(bytes.subarray(4 * field[i], 4 * field[i] + 3), 4 * i);
    image.data[4 * i + 3] = 40 + 120 * sureness[i];
  }
  context.putImageData(image, 0, 0);
  canvas.className = "wl-smooth";
  const side = Math.min(width, 560);
  const points = Array.from(/** @type {ArrayLike<number>} */ (x), (value, i) => ({
    x: value,
    y: y[i],
    color: colors.series(classes[i]),
    name: labels[classes[i]],
  })).filter((each) => isNumber(each.x) && isNumber(each.y));
  const svg = plotted(chart, side, {
    height: options.height ?? Math.round(0.8 * side),
    marginLeft: 44 + (options.yLabel ? 18 : 0),
    marginBottom: 28 + (options.xLabel ? 18 : 0),
    x: { domain: xRange },
    y: { domain: yRange },
    color: { type: "identity" },
    marks: [
      axisX({ ...titled(options.xLabel), ticks: 6, tickFormat: tick }),
      axisY({ ...titled(options.yLabel), ticks: 6, tickFormat: tick }),
      dot(points, { x: "x", y: "y", fill: "color", stroke: "#fff", strokeWidth: 1, r: 4 }),
      tip(points, pointer({ x: "x", y: "y", title: (each) => `${each.name}\n${written(each.x)}, ${written(each.y)}` })),
    ],
  });
  return [
    legend(labels.map((/** @type {string} */ name, /** @type {number} */ i) => [name, colors.series(i)])),
    over(svg, canvas),
  ];
});
