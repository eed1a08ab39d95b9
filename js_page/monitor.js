// @ts-check
/** What a program costs while it runs, in figures: loaded and measured only while somebody looks. */

/** @typedef {{name: string, bytes: number, kept: number, draws: number, steps: number}} Device */
/** @typedef {{backend: string, why: string, tensors: number, bytes: number, devices: Device[]}} Figures */

// A reader follows no more, and the program has better things to do.
const LOOK_MS = 500;

const MEMORY = /** @type {Record<string, string>} */ ({ webgl: "Memory of the GPU", wasm: "Memory of WebAssembly" });

export class Monitor {
  /** @param {HTMLElement} place @param {() => Promise<Figures | null | undefined>} measure null where nothing runs */
  constructor(place, measure) {
    this._measure = measure;
    this._list = document.createElement("dl");
    place.append(this._list);
    /** @type {Map<string, HTMLElement>} */
    this._rows = new Map();
    this._isOn = false;
    this._frames = 0;
    /** @type {{at: number, frames: number, devices: Device[]} | null} */
    this._last = null;
  }

  start() {
    if (this._isOn) return;
    this._isOn = true;
    this._last = null;
    this._count();
    this._look();
  }

  stop() {
    this._isOn = false;
  }

  _count() {
    this._frames++;
    if (this._isOn && this._list.isConnected) requestAnimationFrame(() => this._count());
  }

  async _look() {
    while (this._isOn && this._list.isConnected) {
      const figures = await this._measure().catch(() => null);
      if (figures) this._show(figures);
      else this._say("Who computes", "nobody yet: the program does not run");
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    this._isOn = false;
  }

  /** @param {Figures} figures */
  _show({ why, tensors, bytes, devices }) {
    const now = { at: performance.now(), frames: this._frames, devices };
    const last = this._last;
    this._last = now;
    this._say("Who computes", why);
    this._say("Tensors", `${number(tensors)}, ${megabytes(bytes)}`);
    for (const { name, bytes: used, kept } of devices) {
      this._say(MEMORY[name] ?? `Memory of ${name}`, `${megabytes(used)} in use, ${megabytes(kept)} kept for later`);
    }
    if (!last) return;
    const seconds = (now.at - last.at) / 1000;
    const before = new Map(last.devices.map((each) => [each.name, each]));
    const grown = (/** @type {"steps" | "draws"} */ what) =>
      devices.reduce((sum, each) => sum + Math.max(0, each[what] - (before.get(each.name)?.[what] ?? 0)), 0);
    const steps = grown("steps");
    this._say("Time per step", steps ? `${number((1000 * seconds) / steps)} ms` : "no steps now");
    this._say("Draws per step", steps ? number(grown("draws") / steps) : "no steps now");
    this._say("Pictures per second", number(Math.round((now.frames - last.frames) / seconds)));
  }

  /** @param {string} name @param {string} text */
  _say(name, text) {
    let value = this._rows.get(name);
    if (!value) {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      term.textContent = name;
      value = document.createElement("dd");
      row.append(term, value);
      this._list.append(row);
      this._rows.set(name, value);
    }
    if (value.textContent !== text) value.textContent = text;
  }
}

/** @param {number} value */
function number(value) {
  return Number(value.toPrecision(3)).toLocaleString("en");
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${number(bytes / 1e6)} MB`;
}
