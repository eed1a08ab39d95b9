// @ts-check
/** A line chart in SVG that grows with the training: every step faint, their running mean strong. */

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300;
const HEIGHT = 230;
const LEFT = 42;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
// More points than pixels cost time and show nothing.
const MOST_POINTS = 360;
const SMOOTHING = 0.85;

export class Chart {
  /**
   * @param {Element} parent
   * @param {object} options
   * @param {string} options.label for those who do not see it
   * @param {number} options.top the largest value that the axis shows
   * @param {number[]} options.ticks
   * @param {(value: number) => string} options.format
   */
  constructor(parent, { label, top, ticks, format }) {
    this._top = top;
    /** @type {number[]} */
    this._values = [];
    /** @type {number[]} */
    this._means = [];
    this._expected = 0;

    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label, class: "chart" });
    for (const tick of ticks) {
      const y = this._y(tick);
      svg.append(element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, class: "grid" }));
      svg.append(text(format(tick), { x: LEFT - 6, y: y + 4, "text-anchor": "end" }));
    }
    this._marks = element("g", {});
    this._raw = element("path", { class: "raw" });
    this._mean = element("path", { class: "mean" });
    svg.append(this._marks, this._raw, this._mean);
    parent.append(svg);
  }

  /** The axis makes room for `steps` in all, with a mark at the end of each epoch. @param {number} steps @param {number} perEpoch */
  expect(steps, perEpoch) {
    this._expected = steps;
    const epochs = Math.round(steps / perEpoch);
    const each = Math.ceil(epochs / 10);
    this._marks.replaceChildren();
    for (let epoch = 0; epoch <= epochs; epoch += each) {
      const x = this._x(epoch * perEpoch);
      this._marks.append(element("line", { x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4, class: "axis" }));
      this._marks.append(text(epoch ? String(epoch) : "epoch", { x, y: HEIGHT - 5, "text-anchor": "middle" }));
    }
    this._draw();
  }

  /** @param {number[]} values */
  add(values) {
    for (const value of values) {
      const before = this._means.at(-1) ?? value;
      // A plain mean at first: the running one would hang on to where it began.
      const weight = Math.min(SMOOTHING, this._means.length / (this._means.length + 1));
      this._values.push(value);
      this._means.push(weight * before + (1 - weight) * value);
    }
    this._draw();
  }

  /** The running mean at the last step. */
  get mean() {
    return this._means.at(-1) ?? NaN;
  }

  _draw() {
    this._raw.setAttribute("d", this._path(this._values));
    this._mean.setAttribute("d", this._path(this._means));
  }

  /** @param {number[]} values */
  _path(values) {
    const stride = Math.max(1, Math.ceil(values.length / MOST_POINTS));
    const points = [];
    for (let i = 0; i < values.length; i += stride) points.push(`${this._x(i + 1)} ${this._y(values[i])}`);
    return points.length > 1 ? `M${points.join("L")}` : "";
  }

  /** @param {number} step */
  _x(step) {
    return round(LEFT + (step / Math.max(1, this._expected)) * (WIDTH - LEFT - RIGHT));
  }

  /** @param {number} value */
  _y(value) {
    return round(TOP + (1 - Math.min(value, this._top) / this._top) * (HEIGHT - TOP - BOTTOM));
  }
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

/** @param {string} name @param {Record<string, string | number>} attributes */
function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** @param {string} content @param {Record<string, string | number>} attributes */
function text(content, attributes) {
  const made = element("text", attributes);
  made.textContent = content;
  return made;
}
