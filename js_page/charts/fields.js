// @ts-check
/** Fields of colours: heat maps, confusions, and what a model makes of a plane. */

import { axisX, axisY, cell, dot, text } from "@observablehq/plot";
import { bytesOf, canvasOf, colorMap, colorsOf } from "./colors.js";
import { isNumber, limits, short, written } from "./numbers.js";
import { legend, plotted, roomFor, tick, tips, titled, uncovered, view } from "./plots.js";

/** @typedef {import("./types.js").View} View */

// Of more cells, nobody is told which one the pointer is on.
const MOST_CELLS = 10000;

/** Pixels, with axes and marks over them that stay while nothing but the pixels changes. */
class Field {
  /** @param {HTMLElement} place */
  constructor(place) {
    this._head = document.createElement("div");
    this._box = document.createElement("div");
    this._box.className = "wl-field";
    this._canvas = document.createElement("canvas");
    this._known = /** @type {unknown[]} */ ([]);
    place.append(this._head, this._box);
  }

  /** What stands above it. @param {Element} element */
  set head(element) {
    this._head.replaceChildren(element);
  }

  /**
   * @param {number} columns
   * @param {number} rows
   * @param {(bytes: Uint8ClampedArray) => void} fill sets colours and opacities, which are 0 before
   * @param {string} [className]
   */
  paint(columns, rows, fill, className = "") {
    if (this._canvas.width !== columns || this._canvas.height !== rows) {
      const { style } = this._canvas;
      this._canvas = canvasOf(columns, rows).canvas;
      for (const name of /** @type {const} */ (["left", "top", "width", "height"])) this._canvas.style[name] = style[name];
      this._box.firstChild?.replaceWith(this._canvas);
    }
    this._canvas.className = className;
    const image = new ImageData(columns, rows);
    fill(image.data);
    this._canvas.getContext("2d")?.putImageData(image, 0, 0);
  }

  /**
   * A plot over the pixels, which span its scales.
   * @param {unknown[]} known what it is made of
   * @param {() => any} make
   */
  cover(known, make) {
    if (isSame(known, this._known)) return;
    this._known = known;
    const svg = make();
    const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
    const [x, y] = ["x", "y"].map((name) => [...svg.scale(name).range].sort((a, b) => a - b));
    const { style } = this._canvas;
    this._box.style.width = `${width}px`;
    style.left = `${(100 * x[0]) / width}%`;
    style.top = `${(100 * y[0]) / height}%`;
    style.width = `${(100 * (x[1] - x[0])) / width}%`;
    style.height = `${(100 * (y[1] - y[0])) / height}%`;
    this._box.replaceChildren(this._canvas, svg);
  }
}

/**
 * Whether two values are the same, or lists of the same ones.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
function isSame(a, b) {
  if (Object.is(a, b)) return true;
  const areLists = [a, b].every((each) => Array.isArray(each) || ArrayBuffer.isView(each));
  if (!areLists || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!isSame(a[i], b[i])) return false;
  return true;
}

/**
 * The axes of a matrix: names in the middle of their cells, as many as there is room for.
 * @param {{rows: number, columns: number, xs: string[], ys: string[]}} names
 * @param {any} options
 * @param {number} width
 */
function cellAxes({ rows, columns, ...names }, options, width) {
  const [xs, ys] = [names.xs.map(short), names.ys.map(short)];
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

/**
 * @param {HTMLElement} place
 * @returns {View}
 */
export function makeHeatmap(place) {
  const field = new Field(place);
  return {
    draw(chart, width) {
      const { options } = chart;
      const { values, rows, columns } = chart.data;
      const names = { rows, columns, xs: namesOf(chart.data.xs, columns), ys: namesOf(chart.data.ys, rows) };
      const map = colorMap(options, limits(values) ?? [0, 1]);
      field.head = ramp(map);
      field.paint(columns, rows, (bytes) => {
        for (let i = 0; i < rows * columns; i++) {
          // gaps stay transparent
          if (isNumber(values[i])) bytes.set(map.color(map.step(values[i])), 4 * i);
        }
      });
      // only tips tell of values
      const told = place.matches(":hover") && values;
      field.cover([width, JSON.stringify(options), rows, columns, names.xs, names.ys, told], () => {
        const { settings, axes } = cellAxes(names, options, width);
        const cells = rows * columns <= MOST_CELLS ? Array.from({ length: rows * columns }, (_, i) => i) : [];
        const told = tips(place, cells, {
          x: (/** @type {number} */ i) => i % columns,
          y: (/** @type {number} */ i) => Math.floor(i / columns),
          maxRadius: Infinity,
          title: (i) => `${names.ys[Math.floor(i / columns)]}, ${names.xs[i % columns]}: ${written(values[i]) || "–"}`,
        });
        return plotted(chart, width, { ...settings, marks: [...axes, told] });
      });
    },
  };
}

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

export const makeConfusion = view((chart, width, place) => {
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
        tips(place, cells, {
          x: "column",
          y: "row",
          maxRadius: Infinity,
          title: (each) => `${labels[each.row]} taken for ${labels[each.column]}: ${written(each.value)}`,
        }),
      ],
    }),
  ];
});

/**
 * @param {HTMLElement} place
 * @returns {View}
 */
export function makeBoundary(place) {
  const field = new Field(place);
  return {
    draw(chart, width) {
      const { options } = chart;
      const { sureness, size, xRange, yRange, x, y, classes, labels } = chart.data;
      const colors = colorsOf(place);
      const series = labels.map((/** @type {string} */ _, /** @type {number} */ i) => colors.series(i));
      const known = bytesOf(series);
      field.paint(
        size,
        size,
        (bytes) => {
          for (let i = 0; i < size * size; i++) {
            const color = 4 * chart.data.field[i];
            for (let k = 0; k < 3; k++) bytes[4 * i + k] = known[color + k];
            bytes[4 * i + 3] = 40 + 120 * sureness[i];
          }
        },
        "wl-smooth",
      );
      const settings = JSON.stringify(options);
      const isPointed = place.matches(":hover");
      field.cover([width, settings, xRange, yRange, x, y, classes, labels, series, isPointed], () => {
        field.head = legend(labels.map((/** @type {string} */ name, /** @type {number} */ i) => [name, series[i]]));
        const side = Math.min(width, 560);
        const height = options.height ?? Math.round(0.8 * side);
        const every = Array.from(/** @type {ArrayLike<number>} */ (x), (value, i) => ({
          x: value,
          y: y[i],
          color: series[classes[i]],
          name: labels[classes[i]],
        })).filter((each) => isNumber(each.x) && isNumber(each.y));
        const points = uncovered(every, [side, height]);
        return plotted(chart, side, {
          height,
          marginLeft: 44 + (options.yLabel ? 18 : 0),
          marginBottom: 28 + (options.xLabel ? 18 : 0),
          x: { domain: xRange },
          y: { domain: yRange },
          color: { type: "identity" },
          marks: [
            axisX({ ...titled(options.xLabel), ticks: 6, tickFormat: tick }),
            axisY({ ...titled(options.yLabel), ticks: 6, tickFormat: tick }),
            dot(points, { x: "x", y: "y", fill: "color", stroke: "#fff", strokeWidth: 1, r: 4 }),
            tips(place, points, {
              x: "x",
              y: "y",
              title: (each) => `${each.name}\n${written(each.x)}, ${written(each.y)}`,
            }),
          ],
        });
      });
    },
  };
}
