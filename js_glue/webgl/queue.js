// @ts-check
/** What the GPU is asked for at once: runs of plans and uploads, issued in slices of which at most two are in flight. */

import { Queue } from "../queue.js";

/** @typedef {{work: number, issue: () => void}} Work */

/** @extends {Queue<Work>} */
export class WebglQueue extends Queue {
  /**
   * @param {import("../counters.js").Counters} tally
   * @param {import("./pace.js").Pace} pace
   * @param {import("./fences.js").Fences} fences
   */
  constructor(tally, pace, fences) {
    super(tally);
    this._pace = pace;
    this._fences = fences;
    this._issued = pace.begin();
    /** The slice before. */
    this._flying = Promise.resolve();
  }

  /** @override @param {number} end */
  _make(end) {
    const slice = (this._issued = this._pace.begin());
    const allowed = end === Infinity ? Infinity : slice.allowed;
    do {
      this._waiting[0].issue();
      slice.work += this._waiting[0].work;
      this._waiting.shift();
    } while (this.isBusy && slice.work < allowed && performance.now() < end);
  }

  /** @override */
  async _turn() {
    const slice = this._issued;
    const before = this._flying;
    this._flying = this._fences.insert(false).then(() => this._pace.done(slice));
    // told to who awaits it in the next turn
    this._flying.catch(() => {});
    try {
      await before;
    } catch (error) {
      // nothing is left to do
      this._waiting.length = 0;
      throw error;
    }
  }
}
