// @ts-check
/** A square to draw a digit in, and the image that MNIST would have made of it. */

/** @typedef {[x: number, y: number]} Point */

const SIDE = 28;
// MNIST fits a digit into a box of this size, then puts its centre of mass into the middle of the image.
const BOX = 20;
const STROKE = 2.1;
// Small strokes such as a dot are not blown up without limit.
const LARGEST_SCALE = 60;
const SUPERSAMPLING = 4;

export class Pad {
  /**
   * @param {HTMLCanvasElement} canvas what the user draws on
   * @param {HTMLCanvasElement} preview shows the image of 28 x 28 pixels
   * @param {(pixels: Uint8Array | null) => void} onChange gets the image, null for an empty pad
   */
  constructor(canvas, preview, onChange) {
    this._canvas = canvas;
    this._preview = preview;
    this._onChange = onChange;
    /** In units of the pad's width. @type {Point[][]} */
    this._strokes = [];
    canvas.addEventListener("pointerdown", (event) => this._begin(event));
    canvas.addEventListener("pointermove", (event) => this._move(event));
    this.clear();
  }

  clear() {
    this._strokes = [];
    this._show(null);
  }

  /** Show an image as if it had been drawn. @param {Uint8Array} pixels */
  showImage(pixels) {
    this._strokes = [];
    this._show(pixels);
    const side = this._canvas.width;
    context(this._canvas).drawImage(this._preview, 0, 0, side, side);
  }

  /** @param {PointerEvent} event */
  _begin(event) {
    if (event.button !== 0) return;
    this._canvas.setPointerCapture(event.pointerId);
    this._strokes.push([this._point(event)]);
    this._changed();
  }

  /** @param {PointerEvent} event */
  _move(event) {
    if (!this._canvas.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).map((each) => this._point(each));
    this._strokes.at(-1)?.push(...points);
    this._changed();
  }

  /** @param {PointerEvent} event @returns {Point} */
  _point(event) {
    const box = this._canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  _changed() {
    this._show(digitImage(this._strokes));
    const pen = context(this._canvas);
    const side = this._canvas.width;
    drawStrokes(pen, this._strokes, side * 0.075, ([x, y]) => [x * side, y * side]);
  }

  /** @param {Uint8Array | null} pixels */
  _show(pixels) {
    for (const canvas of [this._canvas, this._preview]) {
      context(canvas).clearRect(0, 0, canvas.width, canvas.height);
    }
    if (pixels) {
      const image = new ImageData(SIDE, SIDE);
      pixels.forEach((value, i) => image.data.set([255, 255, 255, value], 4 * i));
      context(this._preview).putImageData(image, 0, 0);
    }
    this._onChange(pixels);
  }
}

/**
 * The strokes as grey values of 28 x 28 pixels, of MNIST's size, stroke width and position.
 * @param {Point[][]} strokes
 */
function digitImage(strokes) {
  const xs = strokes.flat().map(([x]) => x);
  const ys = strokes.flat().map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = Math.min((BOX - STROKE) / Math.max(right - left, bottom - top), LARGEST_SCALE);
  /** @type {(point: Point) => Point} */
  const centred = ([x, y]) => [
    SIDE / 2 + (x - (left + right) / 2) * scale,
    SIDE / 2 + (y - (top + bottom) / 2) * scale,
  ];
  const [dx, dy] = toCentreOfMass(render(strokes, centred));
  return render(strokes, (point) => {
    const [x, y] = centred(point);
    return [x + dx, y + dy];
  });
}

/** How far to move an image so that its centre of mass is in the middle. @param {Uint8Array} pixels @returns {Point} */
function toCentreOfMass(pixels) {
  let [mass, x, y] = [0, 0, 0];
  pixels.forEach((value, i) => {
    mass += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return mass ? [SIDE / 2 - x / mass, SIDE / 2 - y / mass] : [0, 0];
}

/** @param {Point[][]} strokes @param {(point: Point) => Point} place @returns {Uint8Array} */
function render(strokes, place) {
  const side = SIDE * SUPERSAMPLING;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  drawStrokes(pen, strokes, STROKE * SUPERSAMPLING, (point) => {
    const [x, y] = place(point);
    return [x * SUPERSAMPLING, y * SUPERSAMPLING];
  });
  const { data } = pen.getImageData(0, 0, side, side);
  const sums = new Float32Array(SIDE * SIDE);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const pixel = Math.floor(y / SUPERSAMPLING) * SIDE + Math.floor(x / SUPERSAMPLING);
      sums[pixel] += data[4 * (y * side + x) + 3];
    }
  }
  return Uint8Array.from(sums, (sum) => Math.round(sum / SUPERSAMPLING ** 2));
}

/** @param {CanvasRenderingContext2D} pen @param {Point[][]} strokes @param {number} width @param {(point: Point) => Point} place */
function drawStrokes(pen, strokes, width, place) {
  pen.strokeStyle = "#fff";
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  for (const stroke of strokes) {
    pen.beginPath();
    pen.moveTo(...place(stroke[0]));
    // A line to the same point makes a dot.
    for (const point of stroke) pen.lineTo(...place(point));
    pen.stroke();
  }
}

/** @param {HTMLCanvasElement} canvas */
function context(canvas) {
  const found = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  found.imageSmoothingEnabled = false;
  return found;
}
