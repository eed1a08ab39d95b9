// @ts-check
/**
 * The device: one WebGL2 context and everything that lives on it. This is the interface that Python talks to; all
 * arguments are numbers, lists of numbers and typed arrays.
 */

import { LOST, createContext } from "./context.js";
import { Counters } from "../counters.js";
import { Executor } from "./executor.js";
import { LoadedPlan } from "./loaded_plan.js";
import { Pace } from "./pace.js";
import { parsePlan } from "../plan.js";
import { Programs } from "./programs.js";
import { WebglQueue } from "./queue.js";
import { repeat } from "../repeat.js";
import { Readback } from "./readback.js";
import { Textures } from "./textures.js";
import { TrainJob } from "./train.js";

/**
 * @typedef {object} Options
 * @property {HTMLCanvasElement | OffscreenCanvas} [canvas]
 * @property {number} [poolBytes]
 * @property {(device: Device) => void} [onRestored] told of the device that takes over once a lost context is back
 */

export class Device {
  /** @param {Options} [options] */
  constructor(options = {}) {
    const { gl, canvas, caps } = createContext(options.canvas);
    this.gl = gl;
    this.tally = new Counters();
    const state = { stale: true };
    const forget = (/** @type {WebGLTexture} */ texture) => {
      // draws that are not issued yet may be of it
      this.queue.drain();
      this.executor.forget(texture);
    };
    this.textures = new Textures(gl, state, caps, options.poolBytes ?? 256 * 2 ** 20, forget);
    this.programs = new Programs(gl, state, this.tally);
    this.readback = new Readback(gl, this.textures, this.tally);
    this.executor = new Executor(gl, state, this.textures, this.tally);
    this.checked = false;
    this.pace = new Pace();
    this.queue = new WebglQueue(this.tally, this.pace, this.readback.fences);
    /** Told when the context is lost. @type {(() => void) | null} */
    this.onLost = null;
    this._lost = false;
    this._caps = caps;
    /** @type {Map<number, LoadedPlan>} */
    this._plans = new Map();
    this._nextPlan = 1;
    /** @type {Set<TrainJob>} */
    this._jobs = new Set();
    canvas.addEventListener("webglcontextlost", (event) => this._contextLost(event), { once: true });
    // nothing of a lost context is left: what comes after it is another device
    const restored = () => options.onRestored?.(new Device({ ...options, canvas }));
    canvas.addEventListener("webglcontextrestored", restored, { once: true });
  }

  /** Whether the context is lost, even if the page was not told yet. */
  isLost() {
    return this._lost || this.gl.isContextLost();
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
    const id = this._nextPlan++;
    this._plans.set(id, new LoadedPlan(this, parsePlan(bytes)));
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

  /** Forget a plan; jobs that run it go on. @param {number} id */
  freePlan(id) {
    const loaded = this._plans.get(id);
    this._plans.delete(id);
    if (this._lost) return;
    this.queue.drain();
    loaded?.release();
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  alloc(w, h, layers, format) {
    this._use();
    // what is deleted must not be drawn any more: who is amid a queue goes on without
    if (!this.queue.isBusy) this.textures.makeRoom([[w, h, layers, format]]);
    return this.textures.alloc(w, h, layers, format);
  }

  /** Textures that running jobs work on are freed at their end. @param {Iterable<number>} ids */
  free(ids) {
    this.tally.now.calls++;
    if (!this._lost) this.textures.free(ids);
  }

  /**
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {Float32Array | Uint8Array} data all layers of the region: x fastest, then y, then layer
   */
  upload(id, x, y, w, h, data) {
    this._use();
    this.tally.now.uploads++;
    this.queue.add({ work: 0, issue: this.textures.uploading(id, x, y, w, h, data) });
  }

  /**
   * @param {number} planId @param {number[]} inputs @param {number[]} scalars
   * @param {Iterable<number>} [freed] textures that nobody needs any more
   * @returns {number[]} the ids of the outputs
   */
  run(planId, inputs, scalars, freed = []) {
    this._use();
    this._settle();
    return this._run(planId, inputs, scalars, freed);
  }

  /** Run a plan many times. @param {import("../repeat.js").RepeatSpec} spec */
  repeat(spec) {
    this._use();
    this._settle();
    const device = { run: this._run.bind(this), free: this.textures.free.bind(this.textures) };
    return this.queue.together(() => repeat(device, spec));
  }

  /** Jobs go on beside the queue, and overwrite what runs may be asked to copy. */
  _settle() {
    if (this._jobs.size) this.queue.drain();
  }

  /** @param {number} planId @param {number[]} inputs @param {number[]} scalars @param {Iterable<number>} freed */
  _run(planId, inputs, scalars, freed) {
    this.textures.free(freed);
    const loaded = this._plan(planId);
    this.tally.now.runs++;
    const outputs = this.textures.allocAll(loaded.outputs);
    try {
      this._draw(loaded, inputs, outputs, scalars);
    } catch (error) {
      this.textures.free(outputs);
      throw error;
    }
    return outputs;
  }

  /**
   * Milliseconds that so many runs of a plan take, until its first output could be read.
   * @param {number} planId @param {number[]} inputs @param {number} times
   */
  timed(planId, inputs, times) {
    const begun = performance.now();
    for (let i = 1; i < times; i++) this.textures.free(this.run(planId, inputs, []));
    const outputs = this.run(planId, inputs, []);
    this.readSync(outputs[0], 0, 0, 1, 1);
    const took = performance.now() - begun;
    this.textures.free(outputs);
    return took;
  }

  /** @param {LoadedPlan} loaded @param {number[]} inputs @param {number[]} outputs @param {number[]} scalars */
  _draw(loaded, inputs, outputs, scalars) {
    const own = loaded.take();
    try {
      const programs = this.programs.linked(loaded.programs);
      const records = this.executor.bind(loaded.draws, programs, [...own, ...inputs, ...outputs]);
      const work = records.reduce((sum, record) => sum + record.work, 0);
      const issue = () => this.executor.draw(records, 0, records.length, loaded.scalars(scalars), 0, this.checked);
      this.queue.add({ work, issue });
    } finally {
      loaded.giveBack(own);
    }
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  async read(id, x, y, w, h) {
    this._use();
    this.tally.now.reads++;
    if (this.queue.isBusy) await this.queue.done();
    this.queue.check();
    return this.readback.read(id, x, y, w, h, true);
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  readSync(id, x, y, w, h) {
    this._use();
    this.tally.now.syncReads++;
    this.tally.now.syncWaits++;
    this.queue.drain();
    this.queue.check();
    return this.readback.readSync(id, x, y, w, h);
  }

  /**
   * Run many steps without the caller.
   * @param {import("../job.js").TrainSpec} spec
   * @returns {TrainJob}
   */
  train(spec) {
    this._use();
    this.queue.drain();
    const job = new TrainJob(this, this._plan(spec.plan), spec);
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
    if (this.isLost()) throw new Error(LOST);
  }

  /** @param {number} id */
  _plan(id) {
    const loaded = this._plans.get(id);
    if (!loaded) throw new Error(`there is no plan ${id}`);
    return loaded;
  }

  /** @param {Event} event */
  _contextLost(event) {
    // or the context would never be restored
    event.preventDefault();
    this._lost = true;
    const error = new Error(LOST);
    for (const job of this._jobs) job.fail(error);
    this.readback.fail(error);
    this.onLost?.();
  }
}
