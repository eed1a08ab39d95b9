// @ts-check
/**
 * What a device is asked for at once and makes in slices, in order; between them the page has its turn. What is small is
 * made at once. Who cannot wait has all of it made at once.
 *
 * Memory is handed out when something is asked for, and written when its turn comes: what is freed meanwhile can be
 * handed out again, as whoever writes there comes later.
 */

import { BUDGET_MS, HIDDEN_BUDGET_MS } from "./job.js";
import { isHidden } from "./turns.js";

/** @template Work */
export class Queue {
  /** @param {import("./counters.js").Counters} tally */
  constructor(tally) {
    this._tally = tally;
    /** What is left, first the one under way. @type {Work[]} */
    this._waiting = [];
    this._gathers = false;
    /** While there are slices to make. @type {Promise<void> | null} */
    this._slices = null;
    /** Of a slice, until somebody waits for what may lack it. @type {unknown} */
    this._error = null;
  }

  /** Whether there is work left. */
  get isBusy() {
    return this._waiting.length > 0;
  }

  /** Have work made after all else, at once if that does not take long. @param {Work} work */
  add(work) {
    const goesOn = this.isBusy || this._gathers;
    this._waiting.push(work);
    if (goesOn) return;
    this._slice();
    this._goOn();
  }

  /** Ask for many things, none of which is begun before all are. @template T @param {() => T} ask @returns {T} */
  together(ask) {
    const goesOn = this.isBusy;
    this._gathers = true;
    try {
      return ask();
    } finally {
      this._gathers = false;
      if (!goesOn) this._goOn();
    }
  }

  /** Make all that is left now. */
  drain() {
    while (this.isBusy) {
      try {
        this._make(Infinity);
      } catch (error) {
        this._drop();
        this._error ??= error;
      }
    }
  }

  /** @returns {Promise<void>} when nothing is left of what is asked for now */
  async done() {
    await this._slices;
  }

  /** What went wrong in a slice is told to who waits, once. */
  check() {
    const error = this._error;
    this._error = null;
    if (error) throw error;
  }

  /** Make work until a time. @param {number} _end @abstract */
  _make(_end) {}

  /** A turn for the page, and time for the device. @returns {Promise<void>} @abstract */
  async _turn() {}

  /** The work under way cannot be made: leave it. */
  _drop() {
    this._waiting.shift();
  }

  _goOn() {
    if (this.isBusy) this._slices ??= this._run();
  }

  async _run() {
    while (this.isBusy) {
      try {
        await this._turn();
        this._slice();
      } catch (error) {
        this._error ??= error;
      }
    }
    this._slices = null;
  }

  _slice() {
    if (!this.isBusy) return;
    const begun = performance.now();
    try {
      this._make(begun + (isHidden() ? HIDDEN_BUDGET_MS : BUDGET_MS));
    } catch (error) {
      this._drop();
      throw error;
    }
    this._tally.task(performance.now() - begun);
  }
}
