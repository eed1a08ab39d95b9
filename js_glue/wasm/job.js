// @ts-check
/**
 * Many steps of a plan on the CPU, in slices of a few milliseconds; between slices the page has its turn. A draw that
 * would take longer is cut between rows.
 */

import { BUDGET_MS, HIDDEN_BUDGET_MS, Job } from "../job.js";
import { isHidden, pause, soon } from "../turns.js";

/** @typedef {import("./module.js").Record} Record */

// Draws of so much work are timed, and cut; smaller ones are timed together.
const LARGE = 2e6;
// So often timers have their turn, which costs four milliseconds each time.
const TIMERS_MS = 50;
// A guess, until it is known.
const MS_PER_WORK = 2e-7;

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
    // the draw that comes next, of the step under way, and its next row
    this._draw = 0;
    this._from = 0;
    this._timersAt = performance.now();
    try {
      this._bind();
    } catch (error) {
      this._giveBack();
      throw error;
    }
    this.promise = this._run();
  }

  _bind() {
    const { _device: device, _loaded: loaded } = this;
    const { inputs, outputs, swaps, logs } = this._spec;
    const given = [...inputs, ...outputs.filter((_, i) => i !== logs)];
    device.hold(given);
    this._held = given;
    this._row = device.allocAll([loaded.outputs[logs]]);
    this._arguments = [device.arena.alloc(2 * loaded.argumentBytes)];
    this._records = [false, true].map((swapped, i) => {
      const ins = [...inputs];
      const outs = outputs.map((id, o) => (o === logs ? this._row[0] : id));
      if (swapped) for (const [i, o] of swaps) [ins[i], outs[o]] = [outs[o], ins[i]];
      const addresses = [...this._own, ...ins, ...outs].map((id) => device.address(id));
      return loaded.bind(addresses, this._arguments[0] + i * loaded.argumentBytes);
    });
  }

  async _run() {
    try {
      await this._loaded.ready();
      while (this._issued < this._total) {
        if (this._error) throw this._error;
        if (this._draw === 0 && this._from === 0) {
          if (this._cancelled) break;
          if (this._paused) {
            await this._resumed();
            continue;
          }
        }
        const begun = performance.now();
        this._slice(begun + (isHidden() ? HIDDEN_BUDGET_MS : (this._spec.budgetMs ?? BUDGET_MS)));
        this._device.tally.now.slices++;
        this._device.tally.task(performance.now() - begun);
        this._tell(false);
        await this._turn();
      }
      this._tell(true);
    } finally {
      this._giveBack();
    }
    return this._result();
  }

  /** A turn for the page. WebKit lets no timer fire as long as there are messages: now and then it is a timer's turn. */
  async _turn() {
    if (performance.now() - this._timersAt < TIMERS_MS) {
      await new Promise((resolve) => soon(() => resolve(undefined)));
    } else {
      await pause();
      this._timersAt = performance.now();
    }
  }

  _giveBack() {
    const { _device: device } = this;
    device.letGo(this._held);
    device.release(this._row);
    for (const address of this._arguments) device.arena.free(address);
    this._loaded.giveBack(this._own);
    this._spec.onLogs?.destroy?.();
  }

  /** Make draws until a time. @param {number} end */
  _slice(end) {
    // work since the time was looked at; what a step costs beside its draws counts too, as small steps are many
    let work = 0;
    for (;;) {
      if (this._draw === 0 && this._from === 0) this._begin();
      const records = this._records[this._issued % 2];
      while (this._draw < records.length) {
        const record = records[this._draw];
        if (record.work < LARGE) {
          record.run(record.args, record.from, record.to);
          work += record.work;
        } else {
          this._part(record, end);
          work = LARGE;
          if (this._from) return;
        }
        this._draw++;
        if (work >= LARGE && this._draw < records.length) {
          if (performance.now() >= end) return;
          work = 0;
        }
      }
      this._finish();
      // who follows every step sees the state of each
      if (this._issued === this._total || this._halts() || this._spec.logEvery === "step") return;
      work += LARGE / 64;
      if (work >= LARGE) {
        if (performance.now() >= end) return;
        work = 0;
      }
    }
  }

  /** Tell all calls of a step the scalars of now. */
  _begin() {
    this._setCurrent();
    const registers = this._loaded.scalars(this._current);
    for (const record of this._records[this._issued % 2]) this._device.tell(record, registers);
  }

  /** As many rows of a large draw as there is time for. @param {Record} record @param {number} end */
  _part(record, end) {
    const begun = performance.now();
    const first = this._from || record.from;
    const msPerRow = record.msPerRow || (record.work * MS_PER_WORK) / (record.to - record.from);
    const last = Math.min(record.to, first + Math.max(1, Math.round((end - begun) / msPerRow)));
    record.run(record.args, first, last);
    record.msPerRow = (performance.now() - begun) / (last - first);
    this._from = last < record.to ? last : 0;
  }

  /** The end of a step: its row of logs. */
  _finish() {
    const { arena, tally } = this._device;
    const at = this._device.address(this._row[0]) / 4;
    this._logs.set(arena.floats.subarray(at, at + this._rowFloats), this._issued * this._rowFloats);
    tally.now.draws += this._draw;
    tally.now.steps++;
    this._draw = 0;
    this._issued++;
    this._read = this._issued;
  }
}
