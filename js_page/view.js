// @ts-check
/** What the reader of a page sees of an element: buttons, status, progress, problems, output. */

import { Failures } from "./failures.js";
import { loaded } from "./loading.js";

// Of a program that prints without end, the last lines.
const MOST_LINES = 2000;
// How long the output rests, as a multiple of what showing it has taken.
const REST = 3;
// After so long without a byte the reader is told what is waited for.
const QUIET_MS = 10_000;

const BACKENDS = {
  webgl: "on the graphics processor (WebGL2)",
  wasm: "on the processor (WebAssembly)",
  numpy: "on the processor (NumPy, slow)",
};

/** @typedef {{stream: string, text: string}} Line */
/** What trains: how many steps are how many epochs, or rounds. @typedef {{unit?: string, epochs?: number, steps?: number}} Training */

export class View {
  /**
   * @param {ShadowRoot} root
   * @param {{run: () => void, pause: () => void, stop: () => void, copyLink: () => void, runtime: () => string, figures: () => Promise<any>}} actions
   */
  constructor(root, actions) {
    const frame = make("div", "frame", root);
    const bar = make("div", "bar", frame);
    this._run = button("Run", bar, actions.run);
    this._run.classList.add("primary");
    this._pause = button("Pause", bar, actions.pause);
    this._stop = button("Stop", bar, actions.stop);
    this._link = button("Copy link", bar, actions.copyLink);
    this._link.hidden = true;
    this._status = make("span", "status", bar);
    this._status.setAttribute("role", "status");
    this._backend = make("span", "backend", bar);
    this._progress = /** @type {HTMLProgressElement} */ (make("progress", "", frame));
    this._progress.setAttribute("aria-label", "Progress");
    this._progress.max = 1;
    this.failures = new Failures(make("div", "problem", frame));
    this._source = make("div", "source", frame);
    this._source.hidden = true;
    this._body = make("div", "body", frame);
    this.controls = make("div", "controls", this._body);
    this.panels = make("div", "panels", this._body);
    this._log = make("pre", "log", frame);
    this._log.tabIndex = 0;
    this._log.setAttribute("role", "log");
    this._log.setAttribute("aria-label", "Output");
    this._left = 0;
    this._note = document.createElement("span");
    this._note.className = "note";
    // A reader that speaks need not hear each count.
    this._note.ariaLive = "off";
    this._costs = /** @type {HTMLDetailsElement} */ (make("details", "costs", frame));
    make("summary", "", this._costs).textContent = "What it costs";
    this._costs.addEventListener("toggle", () => this._watchCosts());
    /** @type {Promise<import("./monitor.js").Monitor> | null} */
    this._monitor = null;
    this._lastByte = 0;
    /** Those that are to be shown. @type {Line[]} */
    this._lines = [];
    this._restsUntil = 0;
    /** @type {number | undefined} */
    this._timer = undefined;
    this._text = "";
    this._actions = actions;
    /** @type {{text: string} | null} */
    this._edited = null;
    /** Over when the program's text is there to be edited, or cannot be. @type {Promise<void>} */
    this.settled = Promise.resolve();
    for (const [name, element] of Object.entries({ frame, bar, source: this._source, log: this._log, controls: this.controls, panels: this.panels })) {
      element.setAttribute("part", name);
    }
  }

  /** @param {string | null} height */
  setHeight(height) {
    this._body.style.maxHeight = height ? (/^\d+$/.test(height) ? `${height}px` : height) : "";
  }

  /** @param {boolean} isLinked whether the page's address has the settings */
  offerLink(isLinked) {
    this._link.hidden = !isLinked;
  }

  /** @param {string} state @param {{isTraining: boolean, isPaused: boolean, isWorking: boolean}} what goes on */
  setState(state, { isTraining, isPaused, isWorking }) {
    const isBusy = state === "loading" || state === "running";
    this._run.textContent = state === "done" || state === "failed" ? "Run again" : "Run";
    enable(this._run, !isBusy);
    enable(this._pause, isTraining);
    this._pause.textContent = isPaused ? "Resume" : "Pause";
    enable(this._stop, isTraining || isBusy || isWorking);
    // A reader that speaks need not read each step.
    this._status.ariaLive = isTraining ? "off" : "polite";
    this._progress.hidden = !isBusy && !isTraining;
    if (!isBusy) this._showLines();
  }

  /** @param {string} text */
  say(text) {
    this._text = text;
    this.rest();
  }

  /** Say something for as long as it is true: until {@link rest}. @param {string} text */
  tell(text) {
    this._status.textContent = text;
  }

  /** Say again what was said last. */
  rest() {
    this._status.textContent = this._text;
  }

  /** @param {string} backend @param {string} why @returns {string} what it says of it */
  setBackend(backend, why) {
    const words = BACKENDS[/** @type {keyof typeof BACKENDS} */ (backend)] ?? backend;
    this._backend.textContent = `Computes ${words}`;
    this._backend.title = why;
    return words;
  }

  clear() {
    this.failures.clear();
    this._lines = [];
    this._log.replaceChildren();
    this._left = 0;
    this.controls.replaceChildren();
    this.say("");
  }

  // -- progress ---------------------------------------------------------------------------------------

  /** @param {string} text @param {number} bytes @param {number} total */
  loading(text, bytes, total) {
    this._lastByte = performance.now();
    this._progress.value = total ? Math.min(1, bytes / total) : 0;
    const megabytes = (/** @type {number} */ n) => (n / 1e6).toFixed(1);
    const done = bytes ? `: ${megabytes(bytes)} of ${megabytes(Math.max(bytes, total))} MB` : "";
    this.say(`${text}${done}`);
  }

  /** Say so where nothing comes any more. @returns {{end: () => void}} */
  watch() {
    this._lastByte = performance.now();
    this.say("Starting …");
    const timer = setInterval(() => {
      const quiet = performance.now() - this._lastByte;
      if (quiet < QUIET_MS) return;
      this.tell(`${this._text} (nothing has come for ${Math.round(quiet / 1000)} s: the network may be slow or gone)`);
    }, 1000);
    return { end: () => clearInterval(timer) };
  }

  /** @param {Training} training @param {number} epoch @param {number} step @param {Record<string, number>} logs */
  progress(training, epoch, step, logs) {
    const { epochs = 1, steps } = training;
    const share = steps ? step / steps : 0;
    this._progress.value = (epoch + share) / epochs;
    this.tell(`${counted(training, epoch)}, step ${step}${steps ? ` of ${steps}` : ""} · ${numbers(logs)}`);
  }

  /** @param {Training} training @param {number} epoch @param {Record<string, number>} logs */
  epoch(training, epoch, logs) {
    this._progress.value = (epoch + 1) / (training.epochs ?? 1);
    this.tell([counted(training, epoch), numbers(logs)].filter(Boolean).join(" · "));
  }

  /** A training has begun anew. */
  renewed() {
    this._progress.value = 0;
    this.tell("New weights, not trained yet");
  }

  /** Of runs side by side. @param {number} done @param {number} all */
  runs(done, all) {
    this._progress.value = all ? done / all : 1;
    this.tell(`${done} of ${all} runs are done`);
  }

  /** Measure while the figures are open. */
  async _watchCosts() {
    this._monitor ??= this._loadMonitor();
    const monitor = await this._monitor.catch(() => null);
    if (!monitor) return this._costs.append("The figures could not be loaded.");
    if (this._costs.open) monitor.start();
    else monitor.stop();
  }

  async _loadMonitor() {
    const { Monitor } = await loaded("weblayers-monitor.js", this._actions.runtime());
    return new Monitor(this._costs, this._actions.figures);
  }

  // -- output -----------------------------------------------------------------------------------------

  /** @param {Line[]} lines */
  log(lines) {
    this._lines.push(...lines);
    this._left += this._lines.splice(0, Math.max(0, this._lines.length - MOST_LINES)).length;
    if (this._restsUntil <= performance.now()) return this._showLines();
    this._timer ??= setTimeout(() => this._showLines(), this._restsUntil - performance.now());
  }

  /** Of a program that prints all the time no more often than leaves the page most of its time. */
  _showLines() {
    clearTimeout(this._timer);
    this._timer = undefined;
    const begun = performance.now();
    const log = this._log;
    const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(
      ...this._lines.map(({ stream, text }) => {
        const line = document.createElement("span");
        line.className = stream;
        line.textContent = `${text}\n`;
        return line;
      }),
    );
    this._lines = [];
    if (!this._note.isConnected && (this._left || log.childElementCount > MOST_LINES)) log.prepend(this._note);
    for (; log.childElementCount > MOST_LINES + 1; this._left++) this._note.nextElementSibling?.remove();
    this._note.textContent = `(${this._left} earlier lines were left out)\n`;
    if (follows) log.scrollTop = log.scrollHeight;
    const now = performance.now();
    this._restsUntil = now + REST * (now - begun);
  }

  /** @param {import("./failures.js").Problem} problem */
  showProblem(problem) {
    this.failures.show(problem);
    if (!problem.id) this.say("Stopped by an error");
  }

  // -- the program's text -----------------------------------------------------------------------------

  /** Have the program edited, by an editor once it is loaded. @param {string} text @param {string} runtime */
  edit(text, runtime) {
    if (this._edited) {
      this._edited.text = text;
      return;
    }
    this._source.hidden = false;
    const area = document.createElement("textarea");
    area.spellcheck = false;
    area.setAttribute("aria-label", "The program");
    area.value = text;
    area.rows = Math.min(30, text.split("\n").length + 1);
    this._source.append(area);
    this._edited = {
      get text() {
        return area.value;
      },
      set text(value) {
        area.value = value;
      },
    };
    // A page without the editor's file still has the text.
    this.settled = this._replace(area, runtime).catch(() => {});
  }

  /** Put the editor in the place of a field. @param {HTMLTextAreaElement} area @param {string} runtime */
  async _replace(area, runtime) {
    const { edit } = await loaded("weblayers-editor.js", runtime);
    const focused = area.matches(":focus");
    this._edited = edit(this._source, area.value, this._actions.run);
    area.remove();
    if (focused) /** @type {HTMLElement} */ (this._source.querySelector(".cm-content")).focus();
  }

  /** @returns {string | null} */
  get source() {
    return this._edited?.text ?? null;
  }
}

/** @param {string} tag @param {string} name @param {ParentNode & Node} parent @returns {HTMLElement} */
function make(tag, name, parent) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  parent.appendChild(made);
  return made;
}

/** @param {string} label @param {HTMLElement} parent @param {() => void} action */
function button(label, parent, action) {
  const made = /** @type {HTMLButtonElement} */ (make("button", "", parent));
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", () => made.ariaDisabled === "true" || action());
  return made;
}

/** Not by `disabled`, which takes the focus from who uses the keyboard. @param {HTMLElement} one @param {boolean} on */
function enable(one, on) {
  one.ariaDisabled = String(!on);
}

/** @param {Training} training @param {number} epoch */
const counted = ({ unit, epochs = 1 }, epoch) => `${unit === "round" ? "Round" : "Epoch"} ${epoch + 1} of ${epochs}`;

/** @param {Record<string, number>} logs */
function numbers(logs) {
  return Object.entries(logs)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(", ");
}
