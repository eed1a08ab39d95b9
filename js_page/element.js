// @ts-check
/** `<weblayers-run>`: a Python program in a page, with its buttons, controls, charts, output and errors. */

import { makeControl } from "./controls.js";
import { Panels } from "./panels.js";
import { Pools } from "./pool.js";
import { missing, problemOf } from "./problems.js";
import { copyLink, download, keepSite } from "./giving.js";
import { homeOf, isEnded, Session, settingsOf, unlessEnded } from "./session.js";
import { readSettings, writeSetting } from "./settings.js";
import { readSource } from "./source.js";
import { adopt } from "./style.js";
import { View } from "./view.js";

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/** @typedef {"idle" | "loading" | "running" | "done" | "failed"} State */
/** One run: whether it was told to stop, and whether it has ended. @typedef {{isStopped: boolean, isOver: boolean}} Run */

const UNREAD = "The program could not be loaded";
// What a control has Python do for longer can be stopped, as who looks at the buttons sees then.
const WORKING_MS = 200;

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
      copyLink: async () => this._view.tell(await copyLink()),
    });
    /** @type {Map<string, import("./controls.js").Made>} */
    this._controls = new Map();
    this._pools = new Pools();
    /** @type {Session | null} */
    this._session = null;
    /** What ran last, or is about to. @type {Run | null} */
    this._run = null;
    /** @type {Promise<boolean>} */
    this._running = Promise.resolve(false);
    /** With the address that it was read from. @type {{source: string, name: string, src: string | null} | null} */
    this._program = null;
    /** @type {Panels | null} */
    this._panels = null;
    this._isPaused = false;
    this._wasConnected = false;
    /** @type {State} */
    this._state = "idle";
    /** @type {import("./view.js").Training} */
    this._training = {};
    // who looks elsewhere may not come back
    this._onVisibility = () => document.hidden && this._session?.isTraining && this._call("keep");
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
    this._program = { source: text, name: this._program?.name ?? "program.py", src: this.getAttribute("src") };
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

  async _connected() {
    this._view.offerLink(this.hasAttribute("linked"));
    const problem = missing();
    if (problem) {
      this._fail({ text: "This program cannot run here.", advice: problem });
      return;
    }
    try {
      await this._read();
      if (this.hasAttribute("autorun")) await this.run();
    } catch (error) {
      this._fail(problemOf(error, UNREAD));
    }
  }

  // -- what the page can do -------------------------------------------------------------------------

  /** Run the program from its beginning. @returns {Promise<boolean>} whether it got to its end */
  run() {
    // While it is loading there is nothing to begin anew.
    if (this._state === "loading" && !this._run?.isOver) return this._running;
    this._run = { isStopped: false, isOver: false };
    this._setState("loading");
    this._running = this._begin(this._run);
    return this._running;
  }

  /** @param {Run} run */
  async _begin(run) {
    let failed = UNREAD;
    try {
      await this._quiet();
      if (run.isOver) return false;
      this._view.clear();
      this._panels?.clear(null);
      this._controls.clear();
      const program = await this._read();
      if (!this.source.trim()) throw new Error('there is none: name its file by src, or put it into a <script type="text/x-python">');
      // Python takes all the processor that there is, and the reader sees the program first.
      await this._view.settled;
      if (run.isOver) return false;
      failed = "Python could not be started";
      const session = this._opened();
      const thread = await this._loaded(session);
      if (run.isOver) return false;
      this._setState("running");
      this._view.say(thread === "main" ? "Running, in the page's own thread" : "Running");
      const settings = this.hasAttribute("linked") ? readSettings(this) : {};
      const ended = await session.run(this.source, program.name, settings, homeOf(this));
      this._finish(run, run.isStopped || !ended);
      return ended;
    } catch (error) {
      if (isEnded(error)) this._finish(run, true);
      else if (!run.isOver) {
        run.isOver = true;
        this._end();
        this._fail(problemOf(error, failed));
      }
      return false;
    }
  }

  /** A run is over, once: of one that another has followed, only that. @param {Run} run @param {boolean} stopped */
  _finish(run, stopped) {
    if (run.isOver) return;
    run.isOver = true;
    if (run === this._run) {
      this._setTraining(false);
      if (this._view.failures.hasFailed) return this._setState("failed");
      this._setState("done");
      this._view.say(stopped ? "Stopped" : "Done");
    }
    this._fire("done", { stopped });
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
   * End what trains, in order, and let the program go on from there for a while; one that does not train, or goes on for
   * longer, is ended where it waits, and one that does not listen with all that it knew.
   */
  async stop() {
    const run = this._run;
    if (!run) return;
    if (this._state === "loading") {
      if (!this._session?.isLoaded) this._end();
      return this._finish(run, true);
    }
    const session = this._session;
    if (!session || !(this._state === "running" || session.isTraining || session.isWorking)) return;
    run.isStopped = true;
    // a control that has begun the training, else the program, may go on from where it has ended
    const isOver = session.isWorking ? () => !session.isWorking : () => run.isOver;
    const { isTraining } = session;
    if (isTraining) await this._endTraining(session);
    if (!isTraining || !(await session.finishes(isOver))) await this._endInOrder(session, session.endProgram());
    session.isStopping = false;
    if (run !== this._run) return;
    if (this._state === "done") this._view.say("Stopped");
    else this._view.rest();
  }

  /** @param {Session} session */
  async _endTraining(session) {
    this._setPaused(false);
    await this._endInOrder(session, session.endTraining());
  }

  /** Where something does not listen, it ends with all that Python knew. @param {Session} session @param {Promise<boolean>} ended */
  async _endInOrder(session, ended) {
    this._view.tell("Stopping …");
    if (!(await ended)) this._end(session);
  }

  /** Have nothing of the runs before go on. */
  async _quiet() {
    const session = this._session;
    if (!session) return;
    if (session.isTraining) await this._endTraining(session);
    await this._endInOrder(session, session.endProgram());
    this._setTraining(false);
  }

  /** Call a function of the program, with what JSON has and typed arrays. @param {string} name @param {any[]} args */
  async call(name, ...args) {
    if (!this._session) throw new Error("the program does not run: call run() first");
    return this._session.call("call", name, args);
  }

  /** Say something to the program, which hears it by `page.on(name, ...)`. @param {string} name @param {any} value */
  async send(name, value = null) {
    await this._hear(`message:${name}`, value);
  }

  // -- the program ------------------------------------------------------------------------------------

  /** The program that the next run runs: read again where the element names another. */
  async _read() {
    const src = this.getAttribute("src");
    const before = this._program;
    if (before && before.src === src) return before;
    const read = { ...(await readSource(this)), src };
    // the page may have set another text meanwhile
    if (this._program !== before) return /** @type {typeof read} */ (this._program);
    this._program = read;
    if (this.hasAttribute("editable")) this._view.edit(read.source, this.runtime);
    return read;
  }

  /** Its Python: another one, where the element asks for something else than it has. */
  _opened() {
    const settings = settingsOf(this, this.runtime);
    if (!this._session?.fits(settings)) this._end();
    return (this._session ??= new Session(settings, (event) => this._heard(event)));
  }

  /** The thread of a Python that is loaded. @param {Session} session */
  async _loaded(session) {
    if (session.isLoaded) return session.ready;
    const watch = this._view.watch();
    try {
      const thread = await session.ready;
      this._fire("ready", { thread });
      const worker = this.getAttribute("offline");
      if (worker) keepSite(worker);
      return thread;
    } finally {
      watch.end();
    }
  }

  /** @param {string} command @param {any[]} args */
  async _call(command, ...args) {
    return unlessEnded(this._session?.call(command, ...args));
  }

  /** @param {string} event @param {any} value */
  async _hear(event, value) {
    const show = () => this._setState(this._state);
    setTimeout(show, WORKING_MS);
    await unlessEnded(this._session?.hear(event, value));
    show();
  }

  /** Let go of Python and all that it knew. */
  _end(session = this._session) {
    if (!session || session !== this._session) return;
    session.end();
    this._session = null;
    this._pools.end();
    this._setTraining(false);
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
      case "working":
        if (this._session) this._session.hasTasks = event.running;
        return this._setState(this._state);
      case "busy":
        return this._controls.get(event.id)?.setBusy(event.busy);
      case "training":
        if (event.running) {
          this._training = { unit: event.unit, epochs: event.epochs, steps: event.steps };
          // one that has begun anew while it is paused stays so
          this._isPaused ||= event.paused;
        }
        return this._setTraining(event.running);
      case "paused":
        return this._setPaused(true);
      case "progress":
        return this._session?.isStopping || view.progress(this._training, event.epoch, event.step, event.logs);
      case "epoch":
        if (!this._session?.isStopping) view.epoch(this._training, event.epoch, event.logs);
        return this._fire("epoch", { epoch: event.epoch, logs: event.logs });
      case "renewed":
        return view.renewed();
      case "backend":
        return this._fire("backend", { backend: event.backend, words: view.setBackend(event.backend, event.why), why: event.why });
      case "sweep":
        return this._sweep(/** @type {any} */ (event));
      case "swept":
        return this._pools.end(event.id);
      case "download":
        return download(event.name, event.data, event.kind);
      case "message":
        return this._fire("message", { name: event.name, value: event.value });
      case "crashed":
        this._end();
        return this._fail({ text: "Python has crashed.", advice: "Run it again: it then begins anew.", traceback: event.text });
      case "error":
        // of the run before, which ends as its reader has another begin
        if (this._state === "loading") return;
        this._setTraining(event.training ?? false);
        return this._fail(/** @type {any} */ (event));
      case "mended":
        return view.failures.forgive(event.id);
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
    if (this._session) this._pools.begin(this._session.options, sweep, { tell, log });
  }

  /** @param {import("./controls.js").Spec} spec */
  _addControl(spec) {
    const made = makeControl(spec, (value) => {
      if (this.hasAttribute("linked") && spec.linked) writeSetting(this, spec.label, value);
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
    const { isTraining = false, isWorking = false } = this._session ?? {};
    this._view.setState(state, { isTraining, isPaused: this._isPaused, isWorking });
  }

  /** @param {boolean} isTraining */
  _setTraining(isTraining) {
    if (this._session) this._session.isTraining = isTraining;
    if (!isTraining) {
      this._isPaused = false;
      // the status tells of it no more, unless another follows at once
      setTimeout(() => this._session?.isTraining || this._session?.isStopping || this._view.rest(), WORKING_MS);
    }
    this._setState(this._state);
  }

  /** @param {boolean} isPaused */
  _setPaused(isPaused) {
    this._isPaused = isPaused;
    this._setState(this._state);
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
