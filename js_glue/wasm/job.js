// @ts-check
/** Many steps of a plan on the CPU, in slices of a few milliseconds; between slices the page has its turn. */

import { BUDGET_MS, HIDDEN_BUDGET_MS, Job } from "../job.js";
import { Turns, isHidden } from "../turns.js";
import { Draws } from "./draws.js";

/** @typedef {import("./module.js").Record} Record */

export class WasmJob extends Job {
  /**
   * @param {import("./device.js").WasmDevice} device
   * @param {import("./module.js").LoadedModule} loaded
   * @param {import("../job.js").TrainSpec} spec
   */
  constructor(device, loaded, spec) {
    super(spec, loaded.outputs[spec.logs][0] * 4);
    this._device = device;
    this._loaded = loaded;
    // the textures that it works on are its own until its end, whoever frees them
    this._own = loaded.take();
    /** @type {number[]} */
    this._held = [];
    /** The row of the log. @type {number[]} */
    this._row = [];
    /** Where the calls' numbers lie. @type {number[]} */
    this._arguments = [];
    /** The records of even and of odd steps. @type {Record[][]} */
    this._records = [];
    this._draws = new Draws(
      () => this._begin(),
      (count) => this._finish(count),
    );
    try {
      this._take();
    } catch (error) {
      this._giveBack();
      throw error;
    }
    this.promise = this._run();
  }

  /** Have memory for all steps. */
  _take() {
    const { _device: device, _loaded: loaded } = this;
    const { inputs, outputs, logs } = this._spec;
    const given = [...inputs, ...outputs.filter((_, i) => i !== logs)];
    device.hold(given);
    this._held = given;
    this._row = device.allocAll([loaded.outputs[logs]]);
    this._arguments = [device.arena.alloc(2 * loaded.argumentBytes)];
  }

  /** Write there what the draws are told. */
  _bind() {
    const { _device: device, _loaded: loaded } = this;
    const { inputs, outputs, swaps, logs } = this._spec;
    this._records = [false, true].map((swapped, i) => {
      const ins = [...inputs];
      const outs = outputs.map((id, o) => (o === logs ? this._row[0] : id));
      if (swapped) for (const [i, o] of swaps) [ins[i], outs[o]] = [outs[o], ins[i]];
      const addresses = [...this._own, ...ins, ...outs].map((id) => device.address(id));
      return loaded.bind(addresses, this._arguments[0] + i * loaded.argumentBytes);
    });
  }

  async _run() {
    const { queue, tally } = this._device;
    const turns = new Turns();
    try {
      await this._loaded.ready();
      while (this._issued < this._total) {
        if (this._error) throw this._error;
        if (queue.isBusy) {
          // what was asked for before, and copies of the state of now
          await queue.done();
          continue;
        }
        if (!this._draws.isAmid) {
          if (this._cancelled) break;
          if (this._paused) {
            await this._resumed();
            continue;
          }
        }
        if (!this._records.length) this._bind();
        const begun = performance.now();
        this._draws.make(begun + (isHidden() ? HIDDEN_BUDGET_MS : (this._spec.budgetMs ?? BUDGET_MS)));
        tally.now.slices++;
        tally.task(performance.now() - begun);
        this._tell(false);
        await turns.give();
      }
      this._tell(true);
    } finally {
      this._giveBack();
    }
    return this._result();
  }

  _giveBack() {
    const { _device: device } = this;
    device.letGo(this._held);
    device.release(this._row);
    for (const address of this._arguments) device.arena.free(address);
    this._loaded.giveBack(this._own);
    this._spec.onLogs?.destroy?.();
  }

  /** Tell all draws of a step the scalars of now. */
  _begin() {
    this._setCurrent();
    const records = this._records[this._issued % 2];
    const registers = this._loaded.scalars(this._current);
    for (const record of records) this._device.tell(record, registers);
    return records;
  }

  /**
   * The end of a step: its row of logs.
   * @param {number} draws
   * @returns {boolean} whether the next one may begin in the same slice: who follows every step sees the state of each
   */
  _finish(draws) {
    const { arena, tally } = this._device;
    const at = this._device.address(this._row[0]) / 4;
    this._logs.set(arena.floats.subarray(at, at + this._rowFloats), this._issued * this._rowFloats);
    tally.now.draws += draws;
    tally.now.steps++;
    this._issued++;
    this._read = this._issued;
    return this._issued < this._total && !this._halts() && this._spec.logEvery !== "step";
  }
}
