// @ts-check
/** A plan as a WebAssembly module: its functions and constants, let go with the last of those who run it. */

import { evaluator } from "../scalars.js";

/** @typedef {import("../plan.js").Call} Call */
/** @typedef {(args: number, from: number, to: number) => void} DrawFunction */
/**
 * @typedef {object} Record a call, ready to be made
 * @property {DrawFunction} run
 * @property {number} args where its numbers lie
 * @property {number} from its rows
 * @property {number} to
 * @property {number} uniforms where its uniforms lie, as the number of a float
 * @property {number[]} registers
 * @property {number} work
 * @property {number} msPerRow as far as it is known
 */

// Smaller modules compile in a few milliseconds. A page that is busy with timers would wait for its turn much longer:
// WebKit then never tells that a module is compiled.
const LARGE = 2 ** 17;

export class LoadedModule {
  /** @param {import("./device.js").WasmDevice} device @param {import("../plan.js").Plan<Call>} plan */
  constructor(device, plan) {
    this._device = device;
    this._bytes = plan.module;
    /** @type {WebAssembly.Module | null} */
    this._module = null;
    /** Over the memory `_memory`. @type {WebAssembly.Instance | null} */
    this._instance = null;
    /** @type {WebAssembly.Memory | null} */
    this._memory = null;
    this._users = 1;
    this.scalars = evaluator(plan.scalarInputs, plan.scalarOps);
    this.calls = plan.draws;
    this.outputs = plan.outputs.map(([w, h, layers]) => /** @type {import("./device.js").Spec} */ ([w, h, layers, "rgba32f"]));
    this._specs = plan.textures;
    /** The texture of each constant, by its slot. @type {Map<number, number>} */
    this._constants = new Map();
    const ids = device.allocAll(plan.constants.map(({ texture }) => plan.textures[texture]));
    plan.constants.forEach(({ texture, data }, i) => {
      const [w, h] = plan.textures[texture];
      device.upload(ids[i], 0, 0, w, h, data);
      this._constants.set(texture, ids[i]);
    });
  }

  /** Compile, while the page goes on where that takes long. */
  async ready() {
    const bytes = /** @type {BufferSource} */ (this._bytes);
    this._module ??= bytes.byteLength < LARGE ? new WebAssembly.Module(bytes) : await WebAssembly.compile(bytes);
  }

  /** The functions, over the memory of now. @returns {DrawFunction[]} */
  _functions() {
    const { memory } = this._device.arena;
    if (!this._instance || this._memory !== memory) {
      this._module ??= new WebAssembly.Module(/** @type {BufferSource} */ (this._bytes));
      this._instance = new WebAssembly.Instance(this._module, { m: { m: memory } });
      this._memory = memory;
    }
    const { exports } = this._instance;
    return this.calls.map((call) => /** @type {DrawFunction} */ (exports[String(call.function)]));
  }

  /** The textures of the plan's own slots, for one who runs it. */
  take() {
    const made = this._device.allocAll(this._specs.filter((_, slot) => !this._constants.has(slot)));
    this._users++;
    let next = 0;
    return this._specs.map((_, slot) => this._constants.get(slot) ?? made[next++]);
  }

  /** The end of {@link take}. @param {number[]} own */
  giveBack(own) {
    this._device.release(own.filter((_, slot) => !this._constants.has(slot)));
    this.release();
  }

  /** One user less. */
  release() {
    if (--this._users === 0) this._device.release(this._constants.values());
  }

  /** How many bytes {@link bind} writes. */
  get argumentBytes() {
    return this.calls.reduce((sum, { samplers, targets, uniforms }) => sum + 4 * (1 + samplers.length + targets.length + uniforms.length), 0);
  }

  /**
   * Write what the calls are told of their textures.
   * @param {number[]} addresses of each slot
   * @param {number} at where to write it
   * @returns {Record[]}
   */
  bind(addresses, at) {
    const { words } = this._device.arena;
    const functions = this._functions();
    return this.calls.map(({ first, rows, samplers, targets, uniforms, work }, i) => {
      const args = at;
      words[at / 4] = first;
      at += 4;
      for (const slot of [...samplers, ...targets]) {
        words[at / 4] = addresses[slot];
        at += 4;
      }
      const record = { run: functions[i], args, from: rows[0], to: rows[1], uniforms: at / 4, registers: uniforms, work, msPerRow: 0 };
      at += 4 * uniforms.length;
      return record;
    });
  }
}
