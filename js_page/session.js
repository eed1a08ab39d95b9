// @ts-check
/** One Python of an element's, from its start to its end. */

import { ENDED, startHost } from "./host.js";

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/**
 * @typedef {object} Settings
 * @property {import("./program.js").LoadOptions} options
 * @property {boolean} mainThread whether it is in the page's own thread
 */

// How long something has to end in order.
const STOP_MS = 3000;
// How long a program may go on once its training was ended: to evaluate, to save, to draw.
const FINISH_MS = 5000;

/** Whether something has failed because its Python was ended. @param {unknown} error */
export const isEnded = (error) => error instanceof Error && error.message === ENDED;

/** What comes of it, if its Python is not ended before. @param {Promise<any> | undefined} promise */
export async function unlessEnded(promise) {
  try {
    return await promise;
  } catch (error) {
    if (!isEnded(error)) throw error;
  }
}

/** What names an element among those of all pages of a site. @param {HTMLElement} element */
export function homeOf(element) {
  return `${location.pathname.replace(/index\.html$/, "")}#${element.id || element.getAttribute("src") || ""}`;
}

/** What attributes may be, where it is one of several: the first if they are left out. @type {Record<string, string[]>} */
const CHOICES = { executor: ["auto", "webgl", "wasm", "numpy"], thread: ["worker", "main"], theme: ["auto", "light", "dark"] };

/** One of several that an element asks for. @param {HTMLElement} element @param {string} name */
function chosen(element, name) {
  const options = CHOICES[name];
  const value = element.getAttribute(name) ?? options[0];
  if (options.includes(value)) return value;
  throw new Error(`${name}="${value}" is none of ${options.join(", ")}`);
}

/** What an element asks for. @param {HTMLElement} element @param {string} runtime @returns {Settings} */
export function settingsOf(element, runtime) {
  const words = (/** @type {string} */ name) => (element.getAttribute(name) ?? "").split(/[\s,]+/).filter(Boolean);
  const options = {
    runtime,
    base: document.baseURI,
    files: words("files"),
    packages: words("packages"),
    executor: chosen(element, "executor"),
  };
  chosen(element, "theme");
  return { options, mainThread: chosen(element, "thread") === "main" };
}

export class Session {
  /**
   * @param {Settings} settings
   * @param {(event: ProgramEvent) => void} onEvent hears of nothing any more once it has ended
   */
  constructor(settings, onEvent) {
    this._key = JSON.stringify(settings);
    this.options = settings.options;
    this._isOver = false;
    this.isLoaded = false;
    /** Whether something trains, as Python tells. */
    this.isTraining = false;
    /** Whether its reader has asked for an end, and for nothing since. */
    this.isStopping = false;
    /** Whether tasks go on that controls have begun, as Python tells. */
    this.hasTasks = false;
    // what controls have it do, and it has not come back from
    this._asked = 0;
    /** Its word that the program has ended. @type {Promise<boolean>} */
    this._ended = Promise.resolve(true);
    this._host = startHost(settings.options.runtime, (event) => this._isOver || onEvent(event), settings.mainThread);
    /** Over when it is loaded, has failed or was ended: the thread that it has. @type {Promise<"worker" | "main">} */
    this.ready = new Promise((resolve, reject) => {
      this._leave = reject;
      this._load(settings.options).then(resolve, reject);
    });
    // whoever calls it hears of it
    this.ready.catch(() => {});
  }

  /** Whether it is what these would make. @param {Settings} settings */
  fits(settings) {
    return this._key === JSON.stringify(settings);
  }

  /** @param {string} command @param {any[]} args */
  async call(command, ...args) {
    await this.ready;
    return (await this._host).call(command, ...args);
  }

  /** Whether it does what a control has asked for. */
  get isWorking() {
    return this._asked > 0 || this.hasTasks;
  }

  /** @param {string} event @param {any} value */
  async hear(event, value) {
    this.isStopping = false;
    this._asked++;
    try {
      await this.call("hear", event, value);
    } finally {
      this._asked--;
    }
  }

  /**
   * @param {string} source
   * @param {string} name
   * @param {Record<string, any>} settings of its controls
   * @param {string} home what names the element
   * @returns {Promise<boolean>} whether the program got to its end
   */
  run(source, name, settings, home) {
    this.isStopping = false;
    this._ended = this.call("run", source, name, settings, home);
    return this._ended;
  }

  /** End what trains, in order. @returns {Promise<boolean>} whether it listens */
  async endTraining() {
    this.isStopping = true;
    await within(STOP_MS, Promise.all([this.call("resume"), this.call("stop")]));
    return this._comesTrue(STOP_MS, () => !this.isTraining);
  }

  /**
   * Wait for what goes on where a training was ended.
   * @param {() => boolean} isOver
   * @returns {Promise<boolean>} whether it is over soon, or its reader wants something else meanwhile
   */
  finishes(isOver) {
    return this._comesTrue(FINISH_MS, () => isOver() || !this.isStopping);
  }

  /** End the program, and what its controls have begun, where they wait. @returns {Promise<boolean>} whether they do */
  endProgram() {
    return within(STOP_MS, Promise.all([this.call("end"), this._ended]));
  }

  /** Let go of all that it knew; what waits for it fails. */
  end() {
    this._isOver = true;
    this._leave?.(new Error(ENDED));
    this._host.then((host) => host.end()).catch(() => {});
  }

  /** Whether something is true before so long, or Python is gone. @param {number} ms @param {() => boolean} condition */
  async _comesTrue(ms, condition) {
    const limit = performance.now() + ms;
    const isSettled = () => this._isOver || condition();
    while (!isSettled() && performance.now() < limit) await after(20);
    return isSettled();
  }

  /** @param {import("./program.js").LoadOptions} options */
  async _load(options) {
    const host = await this._host;
    await host.call("load", options);
    this.isLoaded = true;
    return host.thread;
  }
}

/** Whether something is over, in this way or that, before so long. @param {number} ms @param {Promise<any>} promise */
function within(ms, promise) {
  const over = () => true;
  return Promise.race([promise.then(over, over), after(ms).then(() => false)]);
}

/** @param {number} ms */
function after(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
