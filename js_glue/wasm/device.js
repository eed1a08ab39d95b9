// @ts-check
/**
 * Plans on the CPU: the same interface as WebGL's device, over one WebAssembly memory. A texture is a matrix there, its
 * layers' rows one after the other.
 */

import { Counters } from "../counters.js";
import { parsePlan } from "../plan.js";
import { repeat } from "../repeat.js";
import { Arena } from "./arena.js";
import { WasmJob } from "./job.js";
import { LoadedModule } from "./module.js";
import { WasmQueue } from "./queue.js";

/** @typedef {[width: number, height: number, layers: number, format: string]} Spec */
/** @typedef {{address: number, size: number, spec: Spec, holds: number, freed: boolean}} Texture */

/** Texels from row to row, as compiler/wasm/addresses.py has them. @param {Spec} spec */
function pitch([width, height, layers, format]) {
  return width % 64 === 0 && height * layers > 1 && format !== "rgba8" ? width + 4 : width;
}

export class WasmDevice {
  constructor() {
    this.arena = new Arena();
    this.tally = new Counters();
    this.queue = new WasmQueue(this.tally);
    /** @type {Map<number, Texture>} */
    this._textures = new Map();
    /** @type {Map<number, LoadedModule>} */
    this._plans = new Map();
    this._next = 1;
    /** @type {Set<WasmJob>} */
    this._jobs = new Set();
    this._checked = false;
  }

  caps() {
    return { renderer: "WebAssembly SIMD", relaxed: hasRelaxedMadd() };
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  alloc(w, h, layers, format) {
    const size = pitch([w, h, layers, format]) * h * layers * (format === "rgba8" ? 4 : 16);
    const address = this.arena.alloc(size);
    const id = this._next++;
    this._textures.set(id, { address, size, spec: [w, h, layers, format], holds: 0, freed: false });
    if (this._checked) {
      this.queue.add(() => {
        this.arena.floats.fill(format === "rgba8" ? 0 : NaN, address / 4, (address + size) / 4);
        return [];
      });
    }
    return id;
  }

  /** All of them or none. @param {Spec[]} specs @returns {number[]} */
  allocAll(specs) {
    /** @type {number[]} */
    const ids = [];
    try {
      for (const spec of specs) ids.push(this.alloc(...spec));
    } catch (error) {
      this.release(ids);
      throw error;
    }
    return ids;
  }

  /** Textures that running jobs work on are freed at their end. @param {Iterable<number>} ids */
  free(ids) {
    this.tally.now.calls++;
    this.release(ids);
    if (!this._jobs.size && !this.queue.isBusy && this.arena.isSparse()) this.arena.compact([...this._textures.values()]);
  }

  /** @param {Iterable<number>} ids */
  release(ids) {
    for (const id of ids) {
      const texture = this._texture(id);
      texture.freed = true;
      this._drop(id, texture);
    }
  }

  /** @param {number} id @param {Texture} texture */
  _drop(id, texture) {
    if (!texture.freed || texture.holds) return;
    this.arena.free(texture.address);
    this._textures.delete(id);
  }

  /** Keep textures, whoever frees them, until {@link letGo}. @param {number[]} ids */
  hold(ids) {
    for (const id of ids) this._texture(id).holds++;
  }

  /** @param {number[]} ids */
  letGo(ids) {
    for (const id of ids) {
      const texture = this._texture(id);
      texture.holds--;
      this._drop(id, texture);
    }
  }

  /** @param {number} id */
  address(id) {
    return this._texture(id).address;
  }

  /** @param {number} id */
  _texture(id) {
    const texture = this._textures.get(id);
    if (!texture) throw new Error(`there is no texture ${id}`);
    return texture;
  }

  /**
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {Float32Array | Uint8Array} data all layers of the region: x fastest, then y, then layer
   */
  upload(id, x, y, w, h, data) {
    this.tally.now.uploads++;
    const texture = this._texture(id);
    this.queue.add(() => {
      this._rows(texture, x, y, w, h, (memory, at, from, length) => memory.set(data.subarray(from, from + length), at));
      return [];
    });
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  async read(id, x, y, w, h) {
    this.tally.now.reads++;
    const texture = this._texture(id);
    return this.queue.result(() => this._read(texture, x, y, w, h));
  }

  /** @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h */
  readSync(id, x, y, w, h) {
    this.tally.now.syncReads++;
    this.queue.drain();
    this.queue.check();
    return this._read(this._texture(id), x, y, w, h);
  }

  /** @param {Texture} texture @param {number} x @param {number} y @param {number} w @param {number} h */
  _read(texture, x, y, w, h) {
    const out = new Float32Array(w * h * texture.spec[2] * 4);
    this._rows(texture, x, y, w, h, (memory, at, from, length) => out.set(memory.subarray(at, at + length), from));
    return out;
  }

  /**
   * Go over a region's rows: where each lies in memory, and where in a list of all layers.
   * @param {Texture} texture @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {(memory: Float32Array | Uint8Array, at: number, from: number, length: number) => void} visit
   */
  _rows({ address, spec }, x, y, w, h, visit) {
    const [, , layers, format] = spec;
    const memory = format === "rgba8" ? this.arena.bytes : this.arena.floats;
    const begin = address / memory.BYTES_PER_ELEMENT;
    const apart = pitch(spec);
    if (layers === 1 && w === apart) {
      // one after the other
      visit(memory, begin + y * w * 4, 0, w * h * 4);
      return;
    }
    for (let layer = 0; layer < layers; layer++) {
      for (let row = 0; row < h; row++) {
        visit(memory, begin + (((y + row) * layers + layer) * apart + x) * 4, (layer * h + row) * w * 4, w * 4);
      }
    }
  }

  /** @param {Uint8Array} bytes @returns {number} the plan's id */
  loadPlan(bytes) {
    this.tally.now.calls++;
    this.tally.now.plansLoaded++;
    const id = this._next++;
    this._plans.set(id, new LoadedModule(this, parsePlan(bytes)));
    return id;
  }

  /** Resolves when the plan is compiled; the page goes on meanwhile. @param {number} id */
  async planReady(id) {
    await this._plan(id).ready();
  }

  /** Forget a plan; jobs that run it go on. @param {number} id */
  freePlan(id) {
    const loaded = this._plans.get(id);
    this._plans.delete(id);
    loaded?.release();
  }

  /** @param {number} id */
  _plan(id) {
    const loaded = this._plans.get(id);
    if (!loaded) throw new Error(`there is no plan ${id}`);
    return loaded;
  }

  /**
   * @param {number} planId @param {number[]} inputs @param {number[]} scalars
   * @param {Iterable<number>} [freed] textures that nobody needs any more
   * @returns {number[]} the ids of the outputs
   */
  run(planId, inputs, scalars, freed = []) {
    this.tally.now.calls++;
    return this._run(planId, inputs, scalars, freed);
  }

  /** @param {number} planId @param {number[]} inputs @param {number[]} scalars @param {Iterable<number>} freed */
  _run(planId, inputs, scalars, freed) {
    this.tally.now.runs++;
    this.release(freed);
    const loaded = this._plan(planId);
    const outputs = this.allocAll(loaded.outputs);
    try {
      this._call(loaded, inputs, outputs, scalars);
    } catch (error) {
      this.release(outputs);
      throw error;
    }
    return outputs;
  }

  /** @param {LoadedModule} loaded @param {number[]} inputs @param {number[]} outputs @param {number[]} scalars */
  _call(loaded, inputs, outputs, scalars) {
    const own = loaded.take();
    const args = this.arena.alloc(loaded.argumentBytes);
    try {
      const addresses = [...own, ...inputs, ...outputs].map((id) => this.address(id));
      this.queue.add(() => {
        const records = loaded.bind(addresses, args);
        const registers = loaded.scalars(scalars);
        for (const record of records) this.tell(record, registers);
        return records;
      });
    } finally {
      this.arena.free(args);
      loaded.giveBack(own);
    }
  }

  /** Run a plan many times. @param {import("../repeat.js").RepeatSpec} spec */
  repeat(spec) {
    this.tally.now.calls++;
    const device = { run: this._run.bind(this), free: this.release.bind(this) };
    return this.queue.together(() => repeat(device, spec));
  }

  /**
   * Milliseconds that so many runs of a plan take, until its first output could be read.
   * @param {number} planId @param {number[]} inputs @param {number} times
   */
  timed(planId, inputs, times) {
    const begun = performance.now();
    for (let i = 1; i < times; i++) this.release(this.run(planId, inputs, []));
    const outputs = this.run(planId, inputs, []);
    this.readSync(outputs[0], 0, 0, 1, 1);
    const took = performance.now() - begun;
    this.release(outputs);
    return took;
  }

  /** Write the uniforms of a call. @param {import("./module.js").Record} record @param {Float64Array} values */
  tell(record, values) {
    const { uniforms, registers } = record;
    const { floats } = this.arena;
    for (let k = 0; k < registers.length; k++) floats[uniforms + k] = values[registers[k]];
  }

  /** Run many steps without the caller. @param {import("../job.js").TrainSpec} spec */
  train(spec) {
    this.tally.now.calls++;
    const job = new WasmJob(this, this._plan(spec.plan), spec);
    this._jobs.add(job);
    const done = () => this._jobs.delete(job);
    job.promise.then(done, done);
    return job;
  }

  /** What is alive. */
  memory() {
    const { heap, bytes } = this.arena;
    let programs = 0;
    for (const loaded of this._plans.values()) programs += loaded.calls.length;
    return {
      textures: this._textures.size,
      bytes: heap.used,
      poolTextures: 0,
      poolBytes: bytes.length - heap.used,
      plans: this._plans.size,
      programs,
    };
  }

  counters() {
    return this.tally.snapshot();
  }

  resetCounters() {
    this.tally.reset();
  }

  /** Fill new textures with NaN, so that reading what nobody has written shows. @param {boolean} on */
  debug(on) {
    this._checked = on;
  }
}

/** Whether products and sums may be rounded together: a module that does so, for the browser to judge. */
function hasRelaxedMadd() {
  // (func (param v128 v128 v128) (result v128) local.get 0 local.get 1 local.get 2 f32x4.relaxed_madd)
  const code = [0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfd, 0x85, 2, 0x0b];
  const module = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 8, 1, 0x60, 3, 0x7b, 0x7b, 0x7b, 1, 0x7b, 3, 2, 1, 0];
  return WebAssembly.validate(new Uint8Array([...module, 10, code.length + 2, 1, code.length, ...code]));
}
