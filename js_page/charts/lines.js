// @ts-check
/** Lines, which may grow while somebody looks at them. */

import "./locale.js";
import uPlot from "uplot";
import { colorsOf } from "./colors.js";
import { isNumber, written } from "./numbers.js";
import { thinned } from "./thinning.js";

/** @typedef {import("./types.js").Chart} Chart */
/** @typedef {import("./types.js").View} View */

// Lines of so few points have dots.
const FEW = 40;
const HEIGHT = 260;
const WHOLE_STEPS = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 12 }, (_, i) => step * 10 ** i))
  .sort((a, b) => a - b);

/** @implements {View} */
export class Lines {
  /** @param {HTMLElement} place */
  constructor(place) {
    this._place = place;
    /** @type {Chart | undefined} */
    this._chart = undefined;
    /** @type {uPlot | undefined} */
    this._plot = undefined;
    /** @type {string[]} */
    this._names = [];
    /** @type {number[]} */
    this._xs = [];
    /** @type {(number | null | undefined)[][]} undefined where a line has no point at another's x, null for a gap */
    this._ys = [];
    /** What uPlot was told, or will be. @type {string | undefined} */
    this._told = undefined;
    this._colors = colorsOf(place);
    this._says = document.createElement("span");
    this._says.className = "wl-says";
    this._says.setAttribute("aria-live", "polite");
    place.tabIndex = 0;
    place.addEventListener("keydown", (event) => this._pressed(event));
    place.after(this._says);
  }

  /** @param {Chart} chart @param {number} width */
  draw(chart, width) {
    if (!this._xs.length) return;
    const height = chart.options.height ?? HEIGHT;
    this._colors = colorsOf(this._place);
    if (!this._plot) {
      this._plot = new uPlot(this._settings(chart, width, height), this._table(), this._place);
    } else {
      const isTold = this._plot.width === width && this._plot.height === height;
      if (!isTold) this._plot.setSize({ width, height });
      this._plot.setData(this._table());
    }
  }

  /** uPlot is told of its lines and options once. */
  _forget() {
    this._plot?.destroy();
    this._plot = undefined;
  }

  /** @param {import("./types.js").Points} points */
  add(points) {
    const news = [];
    for (const [name, [x, y]] of Object.entries(points)) {
      const line = this._line(name);
      const xs = typeof x === "number" ? [x] : x;
      const ys = typeof y === "number" ? [y] : y;
      for (let i = 0; i < xs.length; i++) this._put(line, xs[i], ys[i]);
      const last = xs.length - 1;
      if (last >= 0)
        news.push(`${name}: ${written(ys[last])} at ${this._chart?.options.xLabel ?? "x"} ${written(xs[last])}`);
    }
    [this._xs, this._ys] = thinned(this._xs, this._ys);
    return news.join("; ");
  }

  get isEmpty() {
    return !this._ys.some((line) => line.some(isNumber));
  }

  destroy() {
    this._plot?.destroy();
    this._says.remove();
  }

  /** All points that are given at once stay: uPlot draws the lowest and the highest of each column. @param {Chart} chart */
  take(chart) {
    this._chart = chart;
    this._says.textContent = "";
    /** @type {import("./types.js").Series[]} */
    const series = chart.data.series;
    const xs = new Set(series.flatMap(({ x }) => Array.from(x)).filter(isNumber));
    this._xs = Array.from(Float64Array.from(/** @type {Set<number>} */ (xs)).sort());
    this._names = [...new Set(series.map(({ name }) => name))];
    this._ys = this._names.map(() => this._xs.map(() => undefined));
    for (const { name, x, y } of series) {
      const line = this._line(name);
      for (let i = 0; i < x.length; i++) this._put(line, x[i], y[i]);
    }
    const told = JSON.stringify([chart.options, this._names, this._isWhole]);
    if (told !== this._told) this._forget();
    this._told = told;
  }

  get _isWhole() {
    return this._xs.every((x) => Number.isInteger(x));
  }

  /** @param {string} name */
  _line(name) {
    const found = this._names.indexOf(name);
    if (found >= 0) return found;
    this._names.push(name);
    this._ys.push(this._xs.map(() => undefined));
    this._forget();
    return this._names.length - 1;
  }

  /** @param {number} line @param {number | null} x @param {number | null} y */
  _put(line, x, y) {
    if (x == null || !Number.isFinite(x)) return;
    const at = this._rank(x);
    if (this._xs[at] !== x) {
      this._xs.splice(at, 0, x);
      for (const ys of this._ys) ys.splice(at, 0, undefined);
    }
    const isLog = this._chart?.options.yType === "log";
    this._ys[line][at] = y == null || !Number.isFinite(y) || (isLog && y <= 0) ? null : y;
  }

  /** The number of the first x that is not below. @param {number} x */
  _rank(x) {
    const xs = this._xs;
    let [low, high] = [0, xs.length];
    // they come in order, nearly always
    if (!high || xs[high - 1] < x) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @returns {uPlot.AlignedData} */
  _table() {
    return /** @type {uPlot.AlignedData} */ ([this._xs, ...this._ys]);
  }

  /**
   * @param {Chart} chart
   * @param {number} width
   * @param {number} height
   * @returns {uPlot.Options}
   */
  _settings({ options }, width, height) {
    const size = options.fontSize ?? 12;
    const font = `${size}px system-ui, sans-serif`;
    const isLog = options.yType === "log";
    /** @type {uPlot.Axis} */
    const axis = {
      stroke: () => this._colors.text,
      grid: { stroke: () => this._colors.grid, width: 1 },
      ticks: { stroke: () => this._colors.grid, width: 1, size: 4 },
      font,
      labelFont: font,
      labelSize: size + 8,
      gap: 4,
    };
    return {
      width,
      height,
      legend: {
        show: true,
        live: true,
        markers: { width: 0, fill: (_, i) => options.seriesColors?.[i - 1] ?? this._colors.series(i - 1) },
      },
      cursor: { y: false, drag: { x: true, y: false } },
      scales: {
        x: {
          time: false,
          // uPlot itself gives a single point a scale on whose edge it lies
          range: (_, low, high) => options.xAxisDomain ?? this._wide() ?? [low, high],
        },
        y: {
          distr: isLog ? 3 : 1,
          range: (_, low, high) =>
            options.yAxisDomain ??
            (isLog ? uPlot.rangeLog(low ?? 0.1, high ?? 1, 10, false) : around(low, high, options.zoomToFit)),
        },
      },
      axes: [
        {
          ...axis,
          label: options.xLabel,
          space: 60,
          size: size + 14,
          ...(this._isWhole ? { incrs: WHOLE_STEPS } : {}),
          values: (_, values) => values.map((value) => written(value)),
        },
        {
          ...axis,
          ...(options.yLabel ? { label: options.yLabel } : {}),
          ...(isLog ? { grid: { ...axis.grid, filter: powers } } : {}),
          size: (_, values) =>
            14 + 0.62 * size * Math.max(3, ...(values ?? []).map((text) => String(text ?? "").length)),
          // on a logarithmic scale uPlot leaves out those that would overlap
          values: (_, values) => values.map((value) => (value == null ? "" : written(value))),
        },
      ],
      series: [
        { label: options.xLabel ?? "x", value: (_, value) => (value == null ? "–" : written(value)) },
        ...this._names.map((label, i) => ({
          label,
          stroke: () => options.seriesColors?.[i] ?? this._colors.series(i),
          width: 2,
          points: { show: (/** @type {uPlot} */ plot) => plot.data[0].length <= FEW, size: 6 },
          value: (/** @type {any} */ _, /** @type {number | null} */ value) => (value == null ? "–" : written(value)),
        })),
      ],
    };
  }

  /** The scale of a single point. @returns {[number, number] | undefined} */
  _wide() {
    const [first] = this._xs;
    return first === this._xs[this._xs.length - 1] ? [first - 0.5, first + 0.5] : undefined;
  }

  /** The arrow keys go from point to point. @param {KeyboardEvent} event */
  _pressed(event) {
    const plot = this._plot;
    const last = this._xs.length - 1;
    const at = plot?.cursor.idx ?? -1;
    /** @type {Record<string, number>} */
    const ways = { ArrowRight: Math.min(last, at + 1), ArrowLeft: Math.max(0, at - 1), Home: 0, End: last };
    if (!plot || !(event.key in ways)) return;
    event.preventDefault();
    const next = ways[event.key];
    plot.setCursor({ left: plot.valToPos(this._xs[next], "x"), top: plot.over.clientHeight / 2 });
    const values = this._names.map(
      (name, i) => `${name} ${isNumber(this._ys[i][next]) ? written(this._ys[i][next]) : "missing"}`,
    );
    this._says.textContent = `${this._chart?.options.xLabel ?? "x"} ${written(this._xs[next])}: ${values.join(", ")}`;
  }
}

/**
 * Of the numbers of a logarithmic scale those that are powers of 10.
 * @param {uPlot} _
 * @param {number[]} values
 */
const powers = (_, values) => values.map((value) => (Math.abs(Math.log10(value) % 1) < 1e-9 ? value : null));

/**
 * Where a scale goes: from 0, or around what there is, with some room.
 * @param {number | null} low
 * @param {number | null} high
 * @param {boolean} isTight
 * @returns {[number, number]}
 */
function around(low, high, isTight) {
  if (low == null || high == null) return [0, 1];
  const [from, to] = isTight ? [low, high] : [Math.min(0, low), Math.max(0, high)];
  const room = 0.05 * (to - from) || 0.5;
  return [from < 0 || isTight ? from - room : from, to > 0 || isTight ? to + room : to];
}
