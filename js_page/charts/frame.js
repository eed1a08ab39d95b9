// @ts-check
/** What is around every chart: heading, name for those who do not see it, its data as a table, styles, its width. */

import uplotStyles from "uplot/dist/uPlot.min.css";
import styles from "./charts.css";
import { forget, paint } from "./painting.js";
import { dataOf, tableElement } from "./tables.js";

/** @typedef {import("./types.js").Chart} Chart */

const NOTHING = "nothing to show yet";

/** @type {CSSStyleSheet | undefined} */
let sheet;

/**
 * Styles without elements or attributes, which a page's policy may forbid.
 * @param {Element} element in the page, or in a shadow root
 */
function adoptStyles(element) {
  const root = element.getRootNode();
  const scope = root instanceof ShadowRoot ? root : document;
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(uplotStyles + styles);
  }
  if (!scope.adoptedStyleSheets.includes(sheet)) scope.adoptedStyleSheets = [...scope.adoptedStyleSheets, sheet];
}

/**
 * An element with a class and maybe a text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} className
 * @param {string} [text]
 */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The frame of one chart. */
export class Frame {
  /**
   * @param {Element} container
   * @param {(width: number) => void} draw is called when the page is about to be painted, at most once each time
   */
  constructor(container, draw) {
    adoptStyles(container);
    this._width = 0;
    this._paint = () => {
      draw(this._width);
      // The place has the chart's name; the names of a drawing's parts say how it is drawn.
      for (const drawing of this.place.querySelectorAll("svg")) drawing.setAttribute("aria-hidden", "true");
    };
    this.figure = element("figure", "wl-chart");
    this._caption = element("figcaption", "wl-title");
    this.place = element("div", "wl-place");
    this._empty = element("p", "wl-empty", NOTHING);
    this.figure.append(this._caption, this._empty, this.place);
    container.append(this.figure);
    this._resizes = new ResizeObserver(() => this._resized());
    this._resizes.observe(this.figure);
    this._dark = matchMedia("(prefers-color-scheme: dark)");
    this._redraw = () => this.schedule();
    this._dark.addEventListener("change", this._redraw);
    // what is told of single points is made for who points at them
    this.place.addEventListener("pointerenter", this._redraw);
  }

  /** @param {Chart} chart */
  describe(chart) {
    this._caption.textContent = chart.title;
    this._caption.hidden = !chart.title;
    const { fontSize, width } = chart.options;
    this.figure.style.fontSize = fontSize ? `${fontSize}px` : "";
    this.figure.style.width = width ? `${width}px` : "";
    this.name(chart.title ? `${chart.title}: ${chart.text}` : chart.text, chart.kind === "table");
    // also what there is that cannot be drawn
    this._empty.textContent = chart.text || NOTHING;
    this._offerData(chart);
  }

  /**
   * What somebody is told who does not see it. What can be read by itself is no picture.
   * @param {string} text
   * @param {boolean} [isReadable]
   */
  name(text, isReadable = false) {
    this.place.setAttribute("role", isReadable ? "group" : "img");
    this.place.setAttribute("aria-label", text);
  }

  /** @param {boolean} isEmpty */
  showsNothing(isEmpty) {
    this._empty.hidden = !isEmpty;
    this.place.hidden = isEmpty;
  }

  /** Have it drawn, if it is seen: else it will be when it is. */
  schedule() {
    if (this._width) paint(this._paint);
  }

  destroy() {
    forget(this._paint);
    this._resizes.disconnect();
    this._dark.removeEventListener("change", this._redraw);
    this.figure.remove();
  }

  /** The width is read here, when it is known, and not while drawing, which would have the page laid out once more. */
  _resized() {
    const width = this.figure.clientWidth;
    if (width === this._width) return;
    this._width = width;
    this.schedule();
  }

  /** @param {Chart} chart */
  _offerData(chart) {
    const isOpen = this._data?.open ?? false;
    this._data?.remove();
    this._data = undefined;
    const table = dataOf(chart);
    if (!table) return;
    const details = element("details", "wl-data");
    const fill = () => details.open && details.childElementCount === 1 && details.append(tableElement(table, "data"));
    details.append(element("summary", "", "Data"));
    details.addEventListener("toggle", fill);
    details.open = isOpen;
    this._data = details;
    this.figure.append(details);
  }
}
