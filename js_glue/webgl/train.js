// @ts-check
/**
 * Many steps of a plan without the caller. Work goes out in slices that aim at a few milliseconds of GPU time each, at
 * most two in flight; between slices the page has its turn. Logs collect in a ring texture and are read back by slice.
 */

import { Job } from "../job.js";

/** @typedef {import("./loaded_plan.js").LoadedPlan} LoadedPlan */
/** @typedef {import("../job.js").TrainSpec} TrainSpec */
/** @typedef {import("../job.js").TrainResult} TrainResult */

const RING_ROWS = 1024;
const IN_FLIGHT = 2;

export class TrainJob extends Job {
  /** @param {import("./device.js").Device} device @param {LoadedPlan} loaded @param {TrainSpec} spec */
  constructor(device, loaded, spec) {
    super(spec, loaded.outputs[spec.logs][0] * 4);
    this._device = device;
    this._loaded = loaded;
    this._ringRows = Math.min(RING_ROWS, Math.max(1, this._total));
    // steps asked back from the ring, and when they are there
    this._asked = 0;
    this._collected = Promise.resolve();
    // the textures that it works on are its own until its end, whoever frees them
    device.textures.makeRoom(loaded.textures);
    this._own = loaded.take();
    /** @type {number[]} */
    this._held = [];
    this._ring = 0;
    /** The records of even and of odd steps. @type {import("./executor.js").Record[][]} */
    this._records = [];
    try {
      this._bind();
    } catch (error) {
      this._giveBack();
      throw error;
    }
    /** @type {Promise<TrainResult>} */
    this.promise = this._run();
  }

  _bind() {
    const { textures, executor, programs } = this._device;
    const { inputs, outputs, swaps, logs } = this._spec;
    const linked = programs.linked(this._loaded.programs);
    const given = [...inputs, ...outputs.filter((_, i) => i !== logs)];
    textures.hold(given);
    this._held = given;
    this._ring = textures.alloc(this._rowFloats / 4, this._ringRows, 1, "rgba32f");
    const ringSlot = this._own.length + inputs.length + logs;
    this._records = [false, true].map((swapped) => {
      const ins = [...inputs];
      const outs = outputs.map((id, i) => (i === logs ? this._ring : id));
      if (swapped) for (const [i, o] of swaps) [ins[i], outs[o]] = [outs[o], ins[i]];
      return executor.bind(this._loaded.draws, linked, [...this._own, ...ins, ...outs], ringSlot);
    });
  }

  _giveBack() {
    const { textures } = this._device;
    textures.letGo(this._held);
    textures.free([this._ring]);
    this._loaded.giveBack(this._own);
    this._spec.onLogs?.destroy?.();
  }

  /** @returns {Promise<TrainResult>} */
  async _run() {
    /** @type {Promise<void>[]} */
    const flying = [];
    try {
      let draw = 0;
      while (this._issued < this._total && !(this._cancelled && draw === 0)) {
        if (this._error) throw this._error;
        if (this._paused && draw === 0) {
          await this._resumed();
          continue;
        }
        if (this._isRingFull()) {
          await (flying.shift() ?? this._collect());
          continue;
        }
        const slice = this._device.pace.begin(this._spec.budgetMs);
        draw = this._issue(slice, draw);
        this._device.tally.now.slices++;
        flying.push(this._finished(slice));
        this._device.tally.task(performance.now() - slice.begun);
        if (flying.length >= IN_FLIGHT) await flying.shift();
      }
      await Promise.all(flying);
      await this._collect(true);
      if (this._error) throw this._error;
      this._tell(true);
    } catch (error) {
      // what is still flying has nothing to say any more
      this._error ??= error;
      for (const rest of flying) rest.catch(() => {});
      throw this._error;
    } finally {
      this._giveBack();
    }
    return this._result();
  }

  /** @override */
  async soFar() {
    await this._collect();
    return super.soFar();
  }

  /** Whether nobody has read the row that the next step would write. */
  _isRingFull() {
    return this._issued - this._read >= this._ringRows;
  }

  /**
   * Issue draws for as long as a slice may take.
   * @param {import("./pace.js").Slice} slice
   * @param {number} draw the first one, of the step that is being issued
   * @returns {number} the draw that comes next
   */
  _issue(slice, draw) {
    const { executor, checked, tally } = this._device;
    const { begun, budget, allowed } = slice;
    do {
      if (draw === 0) this._setCurrent();
      const records = this._records[this._issued % 2];
      const from = draw;
      while (draw < records.length && slice.work < allowed) slice.work += records[draw++].work;
      executor.draw(records, from, draw, this._loaded.scalars(this._current), this._issued % this._ringRows, checked);
      if (draw === records.length) {
        draw = 0;
        this._issued++;
        tally.now.steps++;
      }
    } while (
      slice.work < allowed &&
      performance.now() - begun <= budget &&
      this._issued < this._total &&
      !this._isRingFull() &&
      !(this._halts() && draw === 0)
    );
    return draw;
  }

  /**
   * Wait for a slice, learn from its time, and take its logs if somebody wants them now or the ring is half full.
   * @param {import("./pace.js").Slice} slice
   */
  async _finished(slice) {
    const waiting = this._issued - this._asked;
    const wanted = (this._spec.onLogs && this._spec.logEvery !== "end") || waiting * 2 >= this._ringRows;
    await (wanted && waiting ? this._collect() : this._device.readback.fences.insert(false));
    if (this._error) throw this._error;
    this._device.pace.done(slice);
    this._tell(false);
  }

  /** Copy the rows that nobody has asked for yet out of the ring. @param {boolean} [done] whether the GPU is done */
  _collect(done = false) {
    const { readback } = this._device;
    const width = this._rowFloats / 4;
    /** @type {Promise<unknown>[]} */
    const parts = [this._collected];
    const end = this._issued;
    for (let at = this._asked; at < end; ) {
      const row = at % this._ringRows;
      const count = Math.min(end - at, this._ringRows - row);
      const first = at;
      const rows = readback.read(this._ring, 0, row, width, count, done);
      parts.push(rows.then((data) => this._logs.set(data, first * this._rowFloats)));
      at += count;
    }
    this._asked = end;
    this._collected = Promise.all(parts).then(() => {
      this._read = Math.max(this._read, end);
    });
    return this._collected;
  }
}
