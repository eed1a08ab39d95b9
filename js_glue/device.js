// @ts-check
/**
 * The device: one WebGL2 context and everything that lives on it. This is the interface that Python talks to; all
 * arguments are numbers, lists of numbers and typed arrays.
 */

import { createContext } from "./context.js";
import { Counters } from "./counters.js";
import { Executor } from "./executor.js";
import { parsePlan } from "./plan.js";
import { Programs } from "./programs.js";
import { Readback } from "./readback.js";
import { evaluator } from "./scalars.js";
import { Textures } from "./textures.js";
import { TrainJob } from "./train.js";

/** @typedef {import("./plan.js").Plan} Plan */
/** @typedef {{plan: Plan, programs: import("./programs.js").Program[], textures: number[], scalars: (inputs: ArrayLike<number>) => Float64Array}} LoadedPlan */

export const LOST = "The browser took the GPU away (WebGL context lost)";

export class Device {
  /** @param {{canvas?: HTMLCanvasElement | OffscreenCanvas, poolBytes?: number}} [options] */
  constructor(options = {}) {
    const { gl, canvas, caps } = createContext(options.canvas);
    this.gl = gl;
    this.tally = new Counters();
    const state = { stale: true };
    this.textures = new Textures(gl, state, options.poolBytes ?? 256 * 2 ** 20);
    this.programs = new Programs(gl, state, this.tally);
    this.readback = new Readback(gl, this.textures, this.tally);
    this.executor = new Executor(gl, state, this.textures, this.tally);
    this.lost = false;
    this.checked = false;
    /** Milliseconds of GPU time per unit of work, learnt by training jobs; 0 before the first. */
    this.msPerWork = 0;
    this._caps = caps;
    /** @type {Map<number, LoadedPlan>} */
    this._plans = new Map();
    this._nextPlan = 1;
    /** @type {Set<TrainJob>} */
    this._jobs = new Set();
    canvas.addEventListener("webglcontextlost", (event) => this._contextLost(event));
  }

  /** What the GPU can do. */
  caps() {
    return { ...this._caps };
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {number} the plan's id
   */
  loadPlan(bytes) {
    this._use();
    const plan = parsePlan(bytes);
    const textures = plan.textures.map(([w, h, layers, format]) => this.textures.alloc(w, h, layers, format));
    for (const { texture, data } of plan.constants) {
      const [w, h] = plan.textures[texture];
      this.textures.upload(textures[texture], 0, 0, w, h, data);
    }
    const programs = plan.shaders.map((source) => this.programs.get(source));
    const id = this._nextPlan++;
    this._plans.set(id, { plan, programs, textures, scalars: evaluator(plan.scalarInputs, plan.scalarOps) });
    this.tally.now.plansLoaded++;
    return id;
  }

  /**
   * Resolves when the plan's shaders are linked; the page goes on meanwhile.
   * @param {number} id
   */
  async planReady(id) {
    await this.programs.ready(this._plan(id).programs);
    this._use();
  }

  /** @param {number} id */
  freePlan(id) {
    const loaded = this._plans.get(id);
    if (!loaded) return;
    this._plans.delete(id);
    this._dropTextures(loaded.textures);
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  alloc(w, h, layers, format) {
    this._use();
    return this.textures.alloc(w, h, layers, format);
  }

  /** @param {Iterable<number>} ids */
  free(ids) {
    this.tally.now.calls++;
    this._dropTextures(ids);
  }

  /** @param {Iterable<number>} ids */
  _dropTextures(ids) {
    for (const deleted of this.textures.free(ids)) this.executor.forget(deleted);
  }

  /**
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {Float32Array | Uint8Array} data all layers of the region: x fastest, then y, then layer
   */
  upload(id, x, y, w, h, data) {
    this._use();
    this.tally.now.uploads++;
    this.textures.upload(id, x, y, w, h, data);
  }

  /**
   * @param {number} planId @param {number[]} inputs @param {number[]} scalars
   * @param {Iterable<number>} [freed] textures that nobody needs any more
   * @returns {number[]} the ids of the outputs
   */
  run(planId, inputs, scalars, freed = []) {
    this._dropTextures(freed);
    const { plan } = this._plan(planId);
    const outputs = plan.outputs.map(([w, h, layers]) => this.textures.alloc(w, h, layers, "rgba32f"));
    this.runInto(planId, inputs, outputs, scalars);
    return outputs;
  }

  /** @param {number} planId @param {number[]} inputs @param {number[]} outputs @param {number[]} scalars */
  runInto(planId, inputs, outputs, scalars) {
    this._use();
    const loaded = this._plan(planId);
    this.tally.now.runs++;
    const slots = [...loaded.textures, ...inputs, ...outputs];
    const records = this.executor.bind(loaded.plan.draws, this.programs.linked(loaded.programs), slots);
    this.executor.draw(records, 0, records.length, loaded.scalars(scalars), 0, this.checked);
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  read(id, x, y, w, h) {
    this._use();
    this.tally.now.reads++;
    return this.readback.read(id, x, y, w, h, true);
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  readSync(id, x, y, w, h) {
    this._use();
    this.tally.now.syncReads++;
    this.tally.now.syncWaits++;
    return this.readback.readSync(id, x, y, w, h);
  }

  /**
   * Run many steps without the caller.
   * @param {import("./train.js").TrainSpec} spec
   * @returns {TrainJob}
   */
  train(spec) {
    this._use();
    const segments = spec.segments.map(({ plan, steps }) => ({ loaded: this._plan(plan), steps }));
    const job = new TrainJob(this, segments, spec);
    this._jobs.add(job);
    const done = () => this._jobs.delete(job);
    job.promise.then(done, done);
    return job;
  }

  /** What is alive on the GPU. */
  memory() {
    return { ...this.textures.memory(), plans: this._plans.size, programs: this.programs.size };
  }

  counters() {
    return this.tally.snapshot();
  }

  resetCounters() {
    this.tally.reset();
  }

  /**
   * Check for GL errors after every draw: slow, and synchronous.
   * @param {boolean} on
   */
  debug(on) {
    this.checked = on;
  }

  dispose() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  _use() {
    this.tally.now.calls++;
    if (this.lost) throw new Error(LOST);
  }

  /** @param {number} id */
  _plan(id) {
    const loaded = this._plans.get(id);
    if (!loaded) throw new Error(`there is no plan ${id}`);
    return loaded;
  }

  /** @param {Event} event */
  _contextLost(event) {
    event.preventDefault();
    this.lost = true;
    const error = new Error(LOST);
    for (const job of this._jobs) job.fail(error);
    this.readback.fail(error);
  }
}
