// @ts-check
/** Many steps of a plan without the caller: what jobs have in common, whoever computes. */

/**
 * @typedef {object} TrainSpec
 * @property {number} plan
 * @property {number} steps
 * @property {number[]} inputs
 * @property {number[]} outputs 0 for the log, which the job makes
 * @property {[number, number][]} swaps numbers of inputs and outputs that exchange roles after each step
 * @property {number} logs number of the output that is the log
 * @property {number[]} scalars at the first step
 * @property {number[]} increments of the scalars per step
 * @property {number} [budgetMs]
 * @property {LogSink | null} [onLogs]
 * @property {"end" | "frame" | "step"} [logEvery]
 */
/** @typedef {((first: number, rows: Float32Array) => void) & {destroy?: () => void}} LogSink a proxy of Python's is destroyed */
/** @typedef {{steps: number, swapped: boolean, logs: Float32Array, cancelled: boolean}} TrainResult */

const FRAME_MS = 16;
// nobody sees the frames of a hidden page
export const HIDDEN_BUDGET_MS = 100;
export const BUDGET_MS = 8;

export class Job {
  /** @param {TrainSpec} spec @param {number} rowFloats the length of a row of logs */
  constructor(spec, rowFloats) {
    this._spec = spec;
    this._scalars = Float64Array.from(spec.scalars);
    /** The scalars of the step that is being issued. */
    this._current = this._scalars.slice();
    this._total = spec.steps;
    this._rowFloats = rowFloats;
    this._logs = new Float32Array(this._total * rowFloats);
    // steps issued, those whose logs are there, and those told of
    this._issued = 0;
    this._read = 0;
    this._told = 0;
    this._toldAt = 0;
    this._cancelled = false;
    /** @type {unknown} */
    this._error = null;
    /** @type {(() => void) | null} */
    this._resume = null;
    this._paused = false;
  }

  /** How many steps are on their way or done; one that is in part does not count. */
  get issued() {
    return this._issued;
  }

  /** Stop at the end of a step. */
  cancel() {
    this._cancelled = true;
    this.resume();
  }

  /** Issue nothing more after the end of a step until resumed. */
  pause() {
    this._paused = true;
  }

  resume() {
    this._paused = false;
    this._resume?.();
  }

  /** From the next step on. @param {number} index @param {number} value */
  setScalar(index, value) {
    this._scalars[index] = value;
  }

  /** @param {unknown} error */
  fail(error) {
    this._error ??= error;
    this.resume();
  }

  /** The rows of logs of the steps that are issued, once they are done. @returns {Promise<Float32Array>} */
  async soFar() {
    return this._logs.slice(0, this._read * this._rowFloats);
  }

  /** Whether the job ends or waits once the step under way is complete. */
  _halts() {
    return this._cancelled || this._paused;
  }

  /** @returns {Promise<void>} until somebody resumes */
  _resumed() {
    return new Promise((resolve) => (this._resume = resolve));
  }

  /** A step has the same scalars from its beginning to its end. */
  _setCurrent() {
    const { increments } = this._spec;
    this._current = this._scalars.map((value, k) => value + this._issued * increments[k]);
  }

  /** Hand rows out that are new, if somebody wants them now. @param {boolean} last */
  _tell(last) {
    const { onLogs, logEvery } = this._spec;
    if (!onLogs || logEvery === "end" || this._read === this._told) return;
    const now = performance.now();
    if (logEvery === "frame" && !last && now - this._toldAt < FRAME_MS) return;
    const rows = this._logs.slice(this._told * this._rowFloats, this._read * this._rowFloats);
    const first = this._told;
    this._told = this._read;
    this._toldAt = now;
    try {
      onLogs(first, rows);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  /** @returns {TrainResult} */
  _result() {
    return {
      steps: this._issued,
      swapped: this._issued % 2 === 1,
      logs: this._logs.slice(0, this._issued * this._rowFloats),
      cancelled: this._issued < this._total,
    };
  }
}
