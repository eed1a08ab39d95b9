// @ts-check
/** How much work the GPU does in a slice of a few milliseconds, as far as slices before have shown. */

import { BUDGET_MS, HIDDEN_BUDGET_MS } from "../job.js";
import { isHidden } from "../turns.js";

/**
 * @typedef {object} Slice
 * @property {number} begun
 * @property {boolean} hidden
 * @property {number} budget milliseconds for issuing it, and for the GPU
 * @property {number} allowed work
 * @property {number} work that is issued
 */

// Little, until it is known what that takes.
const FIRST_WORK = 1e6;

export class Pace {
  constructor() {
    /** Milliseconds of GPU time per unit of work; 0 before the first slice. */
    this.msPerWork = 0;
    /** When the slice before was done. */
    this._lastDone = 0;
  }

  /** @param {number} [budgetMs] of a page that is seen @returns {Slice} */
  begin(budgetMs = BUDGET_MS) {
    const hidden = isHidden();
    const budget = hidden ? HIDDEN_BUDGET_MS : budgetMs;
    const allowed = this.msPerWork ? budget / this.msPerWork : FIRST_WORK;
    return { begun: performance.now(), hidden, budget, allowed, work: 0 };
  }

  /** Learn from a slice that is done now. @param {Slice} slice */
  done({ begun, hidden, work }) {
    const now = performance.now();
    const before = this._lastDone;
    this._lastDone = now;
    if (!work || hidden || isHidden()) return;
    const found = (now - Math.max(begun, before)) / work;
    this.msPerWork = this.msPerWork ? 0.8 * this.msPerWork + 0.2 * found : found;
  }
}
