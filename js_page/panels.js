// @ts-check
/** Places where a program shows something: its own panels, and elements of the page that have their names as ids. */

import { loaded } from "./loading.js";
import { inert } from "./markup.js";
import { problemOf } from "./problems.js";
import { adopt } from "./style.js";
import { Visor } from "./visor.js";

/** @typedef {{kind: string, text: string, [key: string]: any}} Content */
/** @typedef {{update: (chart: any) => void, add: (points: any) => void, destroy: () => void}} Drawn */

export class Panels {
  /**
   * @param {HTMLElement} own where panels without an element of the page go
   * @param {string} runtime
   * @param {(isOpen: boolean) => void} onVisor hears what the reader does with the visor
   */
  constructor(own, runtime, onVisor) {
    this._own = own;
    this._runtime = runtime;
    this._onVisor = onVisor;
    /** @type {Visor | null} */
    this._visor = null;
    /** @type {Map<string, Panel>} */
    this._panels = new Map();
  }

  /** @param {string} name @param {string | null} title */
  panel(name, title = null) {
    let panel = this._panels.get(name);
    if (!panel) {
      const place = document.getElementById(name);
      panel = new Panel(place ?? this._visor?.place(name) ?? this._own, this._runtime, name);
      this._panels.set(name, panel);
      // A place of the page has its own heading, a panel of ours the name that it was given.
      if (!place && name !== "output") panel.setTitle(name);
    }
    if (title) panel.setTitle(title);
    return panel;
  }

  /** @param {string | null} name all of them, if there is none */
  clear(name) {
    for (const [key, panel] of this._panels) {
      if (name && key !== name) continue;
      panel.remove();
      this._panels.delete(key);
    }
    if (name) return;
    this._visor?.remove();
    this._visor = null;
  }

  /** What the program does with the visor. @param {any} message */
  visor({ action, name, tab, styles }) {
    this._visor ??= new Visor(this._onVisor);
    if (action === "surface") this._visor.surface(name, tab, styles);
    else if (action === "tab") this._visor.show(name);
    else this._visor.toggle(action === "open");
  }
}

class Panel {
  /** @param {HTMLElement} parent @param {string} runtime @param {string} name */
  constructor(parent, runtime, name) {
    this._runtime = runtime;
    this._frame = document.createElement("div");
    this._frame.dataset.panel = name;
    parent.append(this._frame);
    // One style everywhere, and none of the page's.
    const root = this._frame.attachShadow({ mode: "open" });
    adopt(root);
    this._figure = document.createElement("figure");
    this._figure.className = "panel";
    this._title = document.createElement("figcaption");
    this._title.hidden = true;
    this._body = document.createElement("div");
    this._figure.append(this._title, this._body);
    root.append(this._figure);
    /** @type {Drawn | null} */
    this._drawn = null;
    this._isChart = false;
    // what is shown follows in order: a chart waits for the code that draws it
    this._queue = Promise.resolve();
  }

  /** @param {string} title */
  setTitle(title) {
    this._title.textContent = title;
    this._title.hidden = false;
  }

  /** Put controls here. @param {HTMLElement} element */
  append(element) {
    this._body.append(element);
  }

  /** @param {Content} content */
  show(content) {
    this._queue = this._queue.then(() => this._show(content)).catch((error) => this._fail(error));
    return this._queue;
  }

  /** @param {any} points */
  add(points) {
    this._queue = this._queue.then(() => this._drawn?.add(points)).catch((error) => this._fail(error));
    return this._queue;
  }

  remove() {
    this._drawn?.destroy();
    this._frame.remove();
  }

  /** @param {Content} content */
  async _show(content) {
    if (content.kind === "chart") return this._showChart(content);
    this._drawn?.destroy();
    this._drawn = null;
    if (content.kind === "picture") this._showPicture(content);
    else if (content.kind === "image") this._showImage(content);
    else if (content.kind === "html") this._body.replaceChildren(...inert(content.html));
    else {
      const text = document.createElement("pre");
      text.textContent = content.text;
      this._body.replaceChildren(text);
    }
  }

  /** @param {unknown} error */
  _fail(error) {
    const { text, advice } = problemOf(error, "This could not be shown.");
    const problem = document.createElement("div");
    problem.className = "problem";
    problem.textContent = `${text} ${advice}`;
    this._body.replaceChildren(problem);
  }

  /** @param {Content} content */
  async _showChart({ chart }) {
    // Several lie side by side, if there is room, and the layers of a network.
    const isWide = chart.kind === "network" || (chart.kind === "group" && chart.data.charts.length > 1);
    this._frame.classList.toggle("wide", isWide);
    if (this._drawn) return this._drawn.update(chart);
    const { draw } = await loaded("weblayers_charts.mjs", this._runtime);
    this._body.replaceChildren();
    this._drawn = draw(this._body, chart);
  }

  /** A file's picture; what is in it, scripts of an SVG too, runs nowhere. @param {Content} content */
  _showImage({ source, text }) {
    const image = document.createElement("img");
    image.alt = text;
    image.src = source;
    this._body.replaceChildren(image);
  }

  /** @param {Content} content */
  _showPicture({ width, height, pixels, text }) {
    let canvas = this._body.querySelector("canvas");
    if (!canvas) {
      canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      this._body.replaceChildren(canvas);
    }
    canvas.width = width;
    canvas.height = height;
    canvas.setAttribute("aria-label", text);
    // a colour that is between two neighbours would be one that is nowhere in small pictures
    canvas.classList.toggle("small", width < 200);
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  }
}
