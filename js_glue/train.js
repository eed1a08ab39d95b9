// @ts-check
/**
 * Many steps of a plan without the caller. Work goes out in slices that aim at a few milliseconds of GPU time each, at
 * most two in flight; between slices the page has its turn. Logs collect in a ring texture and are read back by slice.
 */

/** @typedef {import("./device.js").LoadedPlan} LoadedPlan */
/** @typedef {{loaded: LoadedPlan, steps: number}} Segment */
/**
 * @typedef {object} TrainSpec
 * @property {{plan: number, steps: number}[]} segments
 * @property {number[]} inputs
 * @property {number[]} outputs 0 for the log, which the job makes
 * @property {[number, number][]} swaps numbers of inputs and outputs that exchange roles after each step
 * @property {number} logs number of the output that is the log
 * @property {number[]} scalars at the first step
 * @property {number[]} increments of the scalars per step
 * @property {number} [budgetMs]
 * @property {((first: number, rows: Float32Array) => void) | null} [onLogs]
 * @property {"end" | "frame" | "step"} [logEvery]
 */
/** @typedef {{steps: number, swapped: boolean, logs: Float32Array, cancelled: boolean, milliseconds: number}} TrainResult */

const RING_ROWS = 1024;
const FRAME_MS = 16;
const IN_FLIGHT = 2;
const FIRST_WORK = 1e6;

export class TrainJob {
  /** @param {import("./device.js").Device} device @param {Segment[]} segments @param {TrainSpec} spec */
  constructor(device, segments, spec) {
    this._device = device;
    this._segments = segments;
    this._spec = spec;
    this._scalars = Float64Array.from(spec.scalars);
    this._total = segments.reduce((sum, s) => sum + s.steps, 0);
    this._rowFloats = segments[0].loaded.plan.outputs[spec.logs][0] * 4;
    this._ring = device.textures.alloc(this._rowFloats / 4, Math.min(RING_ROWS, Math.max(1, this._total)), 1, "rgba32f");
    this._ringRows = device.textures.get(this._ring).h;
    this._logs = new Float32Array(this._total * this._rowFloats);
    this._records = segments.map((s) => this._bind(s));
    // steps issued, asked back from the ring, read, and told of
    this._issued = 0;
    this._asked = 0;
    this._read = 0;
    this._told = 0;
    this._toldAt = 0;
    this._cancelled = false;
    /** @type {Error | null} */
    this._error = null;
    /** @type {(() => void) | null} */
    this._resume = null;
    this._paused = false;
    this._begun = performance.now();
    /** @type {Promise<TrainResult>} */
    this.promise = this._run();
  }

  /** How many steps are on their way to the GPU or done; one that is in part does not count. */
  get issued() {
    return this._issued;
  }

  /** Stop at the end of a step. */
  cancel() {
    this._cancelled = true;
    this.resume();
  }

  /** Issue nothing more until resumed. */
  pause() {
    this._paused = true;
  }

  resume() {
    this._paused = false;
    this._resume?.();
  }

  /** @param {number} index @param {number} value */
  setScalar(index, value) {
    this._scalars[index] = value;
  }

  /** @param {Error} error */
  fail(error) {
    this._error = error;
    this.resume();
  }

  /** The records of a segment's draws for even and for odd steps. @param {Segment} segment */
  _bind({ loaded }) {
    const { inputs, outputs, swaps, logs } = this._spec;
    const { executor, programs } = this._device;
    const linked = programs.linked(loaded.programs);
    const ringSlot = loaded.textures.length + inputs.length + logs;
    return [false, true].map((swapped) => {
      const ins = [...inputs];
      const outs = outputs.map((id, i) => (i === logs ? this._ring : id));
      if (swapped) for (const [i, o] of swaps) [ins[i], outs[o]] = [outs[o], ins[i]];
      return executor.bind(loaded.plan.draws, linked, [...loaded.textures, ...ins, ...outs], ringSlot);
    });
  }

  /** @returns {Promise<TrainResult>} */
  async _run() {
    const { textures, executor } = this._device;
    /** @type {Promise<void>[]} */
    const flying = [];
    try {
      let segment = 0;
      let step = 0;
      let draw = 0;
      while (this._issued < this._total && !(this._cancelled && draw === 0)) {
        if (this._error) throw this._error;
        if (this._paused && draw === 0) await new Promise((resolve) => (this._resume = () => resolve(undefined)));
        if (this._issued - this._read >= this._ringRows) {
          // the ring is full of rows that nobody has read
          await (flying.shift() ?? this._collect());
          continue;
        }
        const begun = performance.now();
        const allowed = this._sliceWork();
        let work = 0;
        while (work < allowed && this._issued < this._total && this._issued - this._read < this._ringRows) {
          const { loaded, steps } = this._segments[segment];
          if (step >= steps) {
            segment++;
            step = 0;
            continue;
          }
          if (this._cancelled && draw === 0) break;
          const records = this._records[segment][this._issued % 2];
          const from = draw;
          while (draw < records.length && work < allowed) work += records[draw++].work;
          const row = this._issued % this._ringRows;
          executor.draw(records, from, draw, loaded.scalars(this._current()), row, this._device.checked);
          if (draw === records.length) {
            draw = 0;
            step++;
            this._issued++;
            this._device.tally.now.steps++;
          }
          if (performance.now() - begun > this._budget()) break;
        }
        if (work === 0) continue;
        this._device.tally.now.slices++;
        flying.push(this._slice(work, begun));
        this._device.tally.task(performance.now() - begun);
        if (flying.length >= IN_FLIGHT) await flying.shift();
      }
      await Promise.all(flying);
      await this._collect(true);
      if (this._error) throw this._error;
    } finally {
      for (const rest of flying) rest.catch(() => {});
      textures.free([this._ring]);
    }
    this._tell(true);
    return {
      steps: this._issued,
      swapped: this._issued % 2 === 1,
      logs: this._logs.slice(0, this._issued * this._rowFloats),
      cancelled: this._issued < this._total,
      milliseconds: performance.now() - this._begun,
    };
  }

  _budget() {
    return this._spec.budgetMs ?? 8;
  }

  /** How much work fits the budget, from what it took so far; little at first. */
  _sliceWork() {
    const { msPerWork } = this._device;
    return msPerWork ? this._budget() / msPerWork : FIRST_WORK;
  }

  /** The scalars of the step that is being issued. */
  _current() {
    const { increments } = this._spec;
    const now = this._now;
    for (let k = 0; k < now.length; k++) now[k] = this._scalars[k] + this._issued * increments[k];
    return now;
  }

  get _now() {
    return (this._scratch ??= new Float64Array(this._scalars.length));
  }

  /** @type {Float64Array | undefined} */
  _scratch;

  /**
   * Wait for a slice, learn from its time, and take its logs if somebody wants them now or the ring is half full.
   * @param {number} work @param {number} begun
   */
  async _slice(work, begun) {
    const waiting = this._issued - this._asked;
    const wanted = (this._spec.onLogs && this._spec.logEvery !== "end") || waiting * 2 >= this._ringRows;
    const before = this._lastDone ?? begun;
    await (wanted && waiting ? this._collect() : this._device.readback.fences.insert(false));
    const now = performance.now();
    this._lastDone = now;
    const each = (now - Math.max(begun, before)) / work;
    const known = this._device.msPerWork;
    this._device.msPerWork = known ? 0.8 * known + 0.2 * each : each;
    if (this._error) throw this._error;
    this._tell(false);
  }

  /** @type {number | undefined} */
  _lastDone;

  /** Copy the rows that nobody has asked for yet out of the ring. @param {boolean} [done] whether the GPU is done */
  async _collect(done = false) {
    const { readback } = this._device;
    const width = this._rowFloats / 4;
    const parts = [];
    const end = this._issued;
    for (let at = this._asked; at < end; ) {
      const row = at % this._ringRows;
      const count = Math.min(end - at, this._ringRows - row);
      parts.push({ at, data: readback.read(this._ring, 0, row, width, count, done) });
      at += count;
    }
    this._asked = end;
    for (const { at, data } of parts) this._logs.set(await data, at * this._rowFloats);
    this._read = Math.max(this._read, end);
  }

  /** @param {boolean} last */
  _tell(last) {
    const { onLogs, logEvery } = this._spec;
    if (!onLogs || logEvery === "end" || this._read === this._told) return;
    const now = performance.now();
    if (logEvery === "frame" && !last && now - this._toldAt < FRAME_MS) return;
    const rows = this._logs.slice(this._told * this._rowFloats, this._read * this._rowFloats);
    const first = this._told;
    this._told = this._read;
    this._toldAt = now;
    onLogs(first, rows);
  }
}
