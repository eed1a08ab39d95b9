// @ts-check
/** `<weblayers-run>`: a Python program in a page, with its buttons, controls, charts, output and errors. */

import { makeControl } from "./controls.js";
import { ENDED, startHost } from "./host.js";
import { Panels } from "./panels.js";
import { Pool } from "./pool.js";
import { causeOf, missing } from "./problems.js";
import { copyLink, download, keepSite } from "./giving.js";
import { readSettings, writeSetting } from "./settings.js";
import { readSource } from "./source.js";
import { adopt } from "./style.js";
import { View } from "./view.js";

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/** @typedef {"idle" | "loading" | "running" | "done" | "failed"} State */

// How long a program has to end in order before it is ended.
const STOP_MS = 3000;

const BACKENDS = {
  webgl: "on the graphics processor (WebGL2)",
  wasm: "on the processor (WebAssembly)",
  numpy: "on the processor (NumPy, slow)",
};

/** @param {string} defaultRuntime the URL of the runtime's folder, where the element names no other */
export function defineElement(defaultRuntime) {
  customElements.define(
    "weblayers-run",
    class extends WeblayersRun {
      get runtime() {
        const given = this.getAttribute("runtime");
        return given ? new URL(given.replace(/\/?$/, "/"), document.baseURI).href : defaultRuntime;
      }
    },
  );
}

class WeblayersRun extends HTMLElement {
  static observedAttributes = ["height", "theme"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    adopt(root);
    this._view = new View(root, {
      run: () => this.run(),
      pause: () => (this._isPaused ? this.resume() : this.pause()),
      stop: () => this.stop(),
      runtime: () => this.runtime,
      figures: () => this._call("figures"),
      copyLink: () => this._copyLink(),
    });
    /** @type {Map<string, import("./controls.js").Made>} */
    this._controls = new Map();
    /** @type {Map<number, Pool>} */
    this._pools = new Map();
    /** @type {Promise<import("./host.js").Host> | null} */
    this._host = null;
    /** @type {{source: string, name: string} | null} */
    this._program = null;
    /** @type {Panels | null} */
    this._panels = null;
    this._isPaused = false;
    this._isTraining = false;
    this._isStopped = false;
    /** @type {Promise<boolean>} */
    this._ended = Promise.resolve(true);
    /** @type {Promise<boolean> | null} */
    this._running = null;
    this._wasConnected = false;
    /** @type {State} */
    this._state = "idle";
    /** @type {{epochs?: number, steps?: number}} */
    this._training = {};
    // who looks elsewhere may not come back
    this._onVisibility = () => document.hidden && this._isTraining && this._call("keep");
    this._setState(this._state);
  }

  /** Where the runtime's files are. @returns {string} */
  get runtime() {
    throw new Error("a subclass says where");
  }

  /** @returns {State} */
  get state() {
    return this._state;
  }

  /** The program's text. Setting it changes what the next run runs. */
  get source() {
    return this._view.source ?? this._program?.source ?? "";
  }

  set source(text) {
    this._program = { source: text, name: this._program?.name ?? "program.py" };
    if (this.hasAttribute("editable")) this._view.edit(text, this.runtime);
  }

  /** @param {string} name @param {string | null} _before @param {string | null} value */
  attributeChangedCallback(name, _before, value) {
    if (name === "height") this._view.setHeight(value);
    else this.style.colorScheme = value === "light" || value === "dark" ? value : "";
  }

  connectedCallback() {
    // One that is moved in the page goes on.
    if (this._wasConnected) return;
    this._wasConnected = true;
    document.addEventListener("visibilitychange", this._onVisibility);
    this._panels ??= new Panels(this._view.panels, this.runtime, (isOpen) => this._hear("visor", isOpen));
    // What is inside comes later, if the page is still being read.
    if (document.readyState === "loading") {
      document.addEventListener("DOMContentLoaded", () => this._connected(), { once: true });
    } else this._connected();
  }

  disconnectedCallback() {
    // An element that is moved is connected again at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this._wasConnected = false;
      document.removeEventListener("visibilitychange", this._onVisibility);
      this._end();
    });
  }

  async _copyLink() {
    const isCopied = await copyLink();
    this._view.say(isCopied ? "The link is copied: it has the settings" : "The page's address has the settings: copy it");
  }

  async _connected() {
    this._view.offerLink(this.hasAttribute("linked"));
    const problem = missing();
    if (problem) {
      this._fail({ text: "This program cannot run here.", advice: problem });
      return;
    }
    try {
      this._program ??= await readSource(this);
      if (this.hasAttribute("editable")) this._view.edit(this._program.source, this.runtime);
      if (this.hasAttribute("autorun")) await this.run();
    } catch (error) {
      this._failBy(error, "The program could not be loaded.");
    }
  }

  // -- what the page can do -------------------------------------------------------------------------

  /** Run the program from its beginning. @returns {Promise<boolean>} whether it got to its end */
  run() {
    // While it is loading there is nothing to begin anew.
    if (this._state !== "loading" || !this._running) this._running = this._run();
    return this._running;
  }

  async _run() {
    if (this._state === "running") await this.stop();
    this._view.clear();
    this._panels?.clear(null);
    this._controls.clear();
    this._isStopped = false;
    try {
      this._setState("loading");
      this._program ??= await readSource(this);
      this._host ??= this._start();
      const host = await this._host;
      if (this._isStopped) {
        this._setState("done");
        this._view.say("Stopped");
        this._fire("done", { stopped: true });
        return false;
      }
      this._setState("running");
      this._view.say(host.thread === "main" ? "Running, in the page's own thread" : "Running");
      const { source, name } = { ...this._program, source: this.source };
      this._ended = host.call("run", source, name, this.hasAttribute("linked") ? readSettings() : {});
      const ended = await this._ended;
      if (this._state !== "running") return false;
      this._setTraining(false);
      if (this._view.hasFailed) this._setState("failed");
      else {
        this._setState("done");
        this._view.say(this._isStopped || !ended ? "Stopped" : "Done");
        this._fire("done", { stopped: this._isStopped || !ended });
      }
      return ended;
    } catch (error) {
      if (!(error instanceof Error && error.message === ENDED)) {
        this._end();
        this._failBy(error, "Python could not be started.");
      }
      return false;
    }
  }

  /** Begin no further step of training. */
  async pause() {
    this._setPaused(true);
    await this._call("pause");
  }

  async resume() {
    this._setPaused(false);
    await this._call("resume");
  }

  /**
   * End what trains, in order, and let the program go on from there; one that does not train is ended where it waits,
   * and one that does not listen with all that it knew.
   */
  async stop() {
    if (this._state !== "running" && this._state !== "loading" && !this._isTraining) return;
    this._isStopped = true;
    if (this._state === "loading") return;
    this._setPaused(false);
    this._view.say("Stopping …");
    if (!this._isTraining) {
      await this._within(STOP_MS, this._call("end"));
      await this._within(STOP_MS, this._ended);
      if (this._state === "running") this._end();
      this._view.say("Stopped");
      return;
    }
    await this._within(STOP_MS, Promise.all([this._call("resume"), this._call("stop")]));
    const limit = performance.now() + STOP_MS;
    while (this._isTraining && performance.now() < limit) await new Promise((resolve) => setTimeout(resolve, 20));
    if (this._isTraining) this._end();
    if (this._state !== "running") this._view.say("Stopped");
  }

  /** Call a function of the program, with what JSON has and typed arrays. @param {string} name @param {any[]} args */
  async call(name, ...args) {
    const host = await this._host;
    if (!host) throw new Error("the program does not run: call run() first");
    return host.call("call", name, args);
  }

  /** Say something to the program, which hears it by `page.on(name, ...)`. @param {string} name @param {any} value */
  async send(name, value = null) {
    await this._hear(`message:${name}`, value);
  }

  // -- the program ------------------------------------------------------------------------------------

  /** What Python is loaded with. */
  _options() {
    const words = (/** @type {string} */ name) => (this.getAttribute(name) ?? "").split(/[\s,]+/).filter(Boolean);
    return {
      runtime: this.runtime,
      base: document.baseURI,
      files: words("files"),
      packages: words("packages"),
      executor: this.getAttribute("executor") ?? "auto",
    };
  }

  async _start() {
    const watch = this._view.watch();
    try {
      // Python takes all the processor that there is, and the reader sees the program first.
      await this._view.settled;
      const mainThread = this.getAttribute("thread") === "main";
      const host = await startHost(this.runtime, (event) => this._heard(event), mainThread);
      await host.call("load", this._options());
      this._fire("ready", { thread: host.thread });
      const worker = this.getAttribute("offline");
      if (worker) keepSite(worker);
      return host;
    } finally {
      watch.end();
    }
  }

  /** @param {string} command @param {any[]} args */
  async _call(command, ...args) {
    try {
      return await (await this._host)?.call(command, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message === ENDED)) throw error;
    }
  }

  /** Wait for something, but no longer than so long. @param {number} ms @param {Promise<any>} promise */
  _within(ms, promise) {
    return Promise.race([promise.catch(() => {}), new Promise((resolve) => setTimeout(resolve, ms))]);
  }

  /** @param {string} event @param {any} value */
  _hear(event, value) {
    return this._call("hear", event, value);
  }

  /** Let go of Python and all that it knew. */
  _end() {
    this._host?.then((host) => host.end()).catch(() => {});
    this._host = null;
    for (const id of [...this._pools.keys()]) this._endPool(id);
    this._setTraining(false);
    if (this._state === "running" || this._state === "loading") this._setState("idle");
  }

  /** @param {ProgramEvent} event */
  _heard(event) {
    const view = this._view;
    switch (event.type) {
      case "loading":
        return view.loading(event.text, event.bytes, event.total);
      case "log":
        view.log(event.lines);
        return this._fire("log", { lines: event.lines });
      case "show":
        return this._panels?.panel(event.where, event.title).show(event.content);
      case "add":
        return this._panels?.panel(event.where).add(event.points);
      case "clear":
        return this._panels?.clear(event.where);
      case "visor":
        return this._panels?.visor(event);
      case "control":
        return this._addControl(/** @type {any} */ (event));
      case "set":
        return this._controls.get(event.id)?.set(event.value);
      case "busy":
        return this._controls.get(event.id)?.setBusy(event.busy);
      case "training":
        if (event.running) {
          this._training = { epochs: event.epochs, steps: event.steps };
          // one that has begun anew while it is paused stays so
          this._isPaused ||= event.paused;
        }
        return this._setTraining(event.running);
      case "paused":
        return this._setPaused(true);
      case "progress":
        return view.progress(this._training, event.epoch, event.step, event.logs);
      case "epoch":
        view.epoch(this._training, event.epoch, event.logs);
        return this._fire("epoch", { epoch: event.epoch, logs: event.logs });
      case "backend":
        return this._setBackend(event.backend, event.why);
      case "sweep":
        return this._sweep(/** @type {any} */ (event));
      case "swept":
        return this._endPool(event.id);
      case "download":
        return download(event.name, event.data, event.kind);
      case "message":
        return this._fire("message", { name: event.name, value: event.value });
      case "crashed":
        this._end();
        return this._fail({ text: "Python has crashed.", advice: "Run it again: it then begins anew.", traceback: event.text });
      case "error":
        this._setTraining(event.training ?? false);
        return this._fail(/** @type {any} */ (event));
      case "mended":
        return view.forgive(event.id);
    }
  }

  /** Have further workers call a function of the program. @param {import("./pool.js").Sweep & {id: number}} sweep */
  _sweep(sweep) {
    let done = 0;
    const tell = (/** @type {import("./pool.js").Outcome} */ outcome) => {
      if (outcome.index !== undefined) this._view.runs(++done, sweep.tasks.length);
      this._hear(`sweep${sweep.id}`, outcome);
    };
    const log = (/** @type {ProgramEvent} */ event) => this._heard(event);
    this._view.runs(done, sweep.tasks.length);
    this._pools.set(sweep.id, new Pool(this.runtime, this._options(), sweep, { tell, log }));
  }

  /** @param {number} id */
  _endPool(id) {
    this._pools.get(id)?.end();
    this._pools.delete(id);
  }

  /** @param {string} backend @param {string} why */
  _setBackend(backend, why) {
    const words = BACKENDS[/** @type {keyof typeof BACKENDS} */ (backend)] ?? backend;
    this._view.setBackend(words, why);
    this._fire("backend", { backend, words, why });
  }

  /** @param {import("./controls.js").Spec} spec */
  _addControl(spec) {
    const made = makeControl(spec, (value) => {
      if (this.hasAttribute("linked") && spec.linked) writeSetting(spec.label, value);
      this._hear(spec.id, value);
    });
    this._controls.set(spec.id, made);
    if (spec.where) this._panels?.panel(spec.where).append(made.root);
    else this._view.controls.append(made.root);
  }

  // -- what is seen -----------------------------------------------------------------------------------

  /** @param {State} state */
  _setState(state) {
    this._state = state;
    this._view.setState(state, this._isTraining, this._isPaused);
  }

  /** @param {boolean} isTraining */
  _setTraining(isTraining) {
    this._isTraining = isTraining;
    if (!isTraining) this._isPaused = false;
    this._setState(this._state);
  }

  /** @param {boolean} isPaused */
  _setPaused(isPaused) {
    this._isPaused = isPaused;
    this._setState(this._state);
  }

  /** @param {unknown} error @param {string} what has failed */
  _failBy(error, what) {
    const message = error instanceof Error ? error.message : String(error);
    this._fail({ text: what, advice: causeOf(message) || message.trim().split("\n").at(-1), traceback: message });
  }

  /**
   * Tell of a problem; one of a control, which has an id, ends nothing but what the control does.
   * @param {{text: string, id?: string | null, advice?: string, line?: number, source?: string, traceback?: string}} problem
   */
  _fail(problem) {
    this._view.showProblem(problem);
    if (!problem.id) this._setState("failed");
    this._fire("error", { message: problem.text, ...problem });
  }

  /** @param {string} type @param {any} [detail] */
  _fire(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
