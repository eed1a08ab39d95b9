// @ts-check
/** Draws the charts of `wl.vis` in a page. */

import { makeBoundary, makeConfusion, makeHeatmap } from "./fields.js";
import { Frame, element } from "./frame.js";
import { Lines } from "./lines.js";
import { limits } from "./numbers.js";
import { makeNetwork } from "./network.js";
import { makeImages } from "./pictures.js";
import { makeBars, makeHistogram, makePoints } from "./plots.js";
import { makeTable } from "./tables.js";

/** @typedef {import("./types.js").Chart} Chart */
/** @typedef {import("./types.js").Points} Points */

/**
 * A chart in the page: draw another one in its place, let its lines grow, take it away.
 * @typedef {{
 *   update(chart: Chart): void,
 *   add(points: Points | Record<string, Points>): void,
 *   destroy(): void,
 * }} Drawn
 */

/** @type {Record<string, (place: HTMLElement) => import("./types.js").View>} */
const VIEWS = {
  lines: (place) => new Lines(place),
  points: makePoints,
  bars: makeBars,
  histogram: makeHistogram,
  heatmap: makeHeatmap,
  confusion: makeConfusion,
  table: makeTable,
  images: makeImages,
  boundary: makeBoundary,
  network: makeNetwork,
};

/** @type {Record<string, (data: any) => boolean>} whether there is nothing to draw */
const EMPTY = {
  points: (data) => data.series.every((/** @type {any} */ each) => !limits(each.y) || !limits(each.x)),
  bars: (data) => !limits(data.values),
  histogram: (data) => !limits(data.counts)?.[1],
  heatmap: (data) => !limits(data.values),
  confusion: (data) => !data.labels.length,
  table: (data) => !data.rows.length,
  images: (data) => !data.count,
};

/**
 * Draw a chart at the end of an element, which may be in a shadow root.
 * @param {Element} container
 * @param {Chart} chart
 * @returns {Drawn}
 */
export function draw(container, chart) {
  const make = () => (chart.kind === "group" ? new Group(container, chart) : new Single(container, chart));
  let drawn = make();
  return {
    update(next) {
      const isSameKind = next.kind === chart.kind;
      chart = next;
      if (isSameKind) drawn.update(chart);
      else {
        drawn.destroy();
        drawn = make();
      }
    },
    add: (points) => drawn.add(points),
    destroy: () => drawn.destroy(),
  };
}

/** One that is none of several. */
class Single {
  /** @param {Element} container @param {Chart} chart */
  constructor(container, chart) {
    const make = VIEWS[chart.kind];
    if (!make) throw new Error(`there is no chart of the kind "${chart.kind}": ${Object.keys(VIEWS).join(", ")}`);
    this.chart = chart;
    this._frame = new Frame(container, (width) => this._draw(width));
    this._view = make(this._frame.place);
    this.update(chart);
  }

  /** @param {Chart} chart */
  update(chart) {
    if (chart.kind !== this.chart.kind)
      throw new Error(`a chart of ${this.chart.kind} cannot become one of ${chart.kind}`);
    this.chart = chart;
    this._view.take?.(chart);
    this._frame.describe(chart);
    this._frame.showsNothing(EMPTY[chart.kind]?.(chart.data) ?? false);
    this._frame.schedule();
  }

  /** @param {any} points */
  add(points) {
    if (!this._view.add) throw new Error(`a chart of ${this.chart.kind} does not grow: only lines do`);
    this._frame.name(`${this.chart.title ? `${this.chart.title}: ` : ""}${this._view.add(points)}`);
    this._frame.schedule();
  }

  destroy() {
    this._view.destroy?.();
    this._frame.destroy();
  }

  /** @param {number} width */
  _draw(width) {
    const isEmpty = this._view instanceof Lines ? false : EMPTY[this.chart.kind]?.(this.chart.data);
    if (isEmpty) return;
    this._view.draw(this.chart, width);
    if (this._view instanceof Lines) this._frame.showsNothing(this._view.isEmpty);
  }
}

/** Charts below each other. */
class Group {
  /** @param {Element} container @param {Chart} chart */
  constructor(container, chart) {
    this._box = element("div", "wl-charts");
    this._heading = element("div", "wl-title");
    this._box.append(this._heading);
    container.append(this._box);
    /** @type {Single[]} */
    this._members = [];
    this.update(chart);
  }

  /** @param {Chart} chart */
  update(chart) {
    /** @type {Chart[]} */
    const charts = chart.data.charts;
    this._heading.textContent = chart.title;
    this._heading.hidden = !chart.title;
    // those at the beginning that stay of their kinds stay
    const different = charts.findIndex((each, i) => each.kind !== this._members[i]?.chart.kind);
    const kept = different < 0 ? charts.length : different;
    for (const member of this._members.splice(kept)) member.destroy();
    this._members.forEach((member, i) => member.update(charts[i]));
    this._members.push(...charts.slice(kept).map((each) => new Single(this._box, each)));
  }

  /** @param {Record<string, any>} points by the charts' titles */
  add(points) {
    for (const [title, more] of Object.entries(points)) {
      this._members.find((each) => each.chart.title === title)?.add(more);
    }
  }

  destroy() {
    for (const member of this._members) member.destroy();
    this._box.remove();
  }
}

// The HTML files that Python writes have their chart beside this script.
const given = document.getElementById("weblayers-chart");
if (given) draw(document.body, JSON.parse(given.textContent ?? ""));
