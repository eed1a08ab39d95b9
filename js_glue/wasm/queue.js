// @ts-check
/**
 * What the processor is asked for, in order, as a GPU has it: small work is done at once, what takes longer in slices,
 * between which the page has its turn. Who cannot wait has all of it done at once.
 *
 * Memory is handed out when something is asked for, and written when its turn comes: what is freed meanwhile can be
 * handed out again, as whoever writes there comes later.
 */

import { BUDGET_MS, HIDDEN_BUDGET_MS } from "../job.js";
import { Turns, isHidden } from "../turns.js";
import { Draws } from "./draws.js";

/** @typedef {import("./module.js").Record} Record */

export class Queue {
  /** @param {import("../counters.js").Counters} tally */
  constructor(tally) {
    this._tally = tally;
    /** Each gives draws to make; what is done without any gives none. @type {(() => Record[])[]} */
    this._waiting = [];
    this._draws = new Draws(
      () => this._waiting[0](),
      (count) => {
        tally.now.draws += count;
        this._waiting.shift();
        return this.isBusy;
      },
    );
    this._gathers = false;
    /** While there are slices to make. @type {Promise<void> | null} */
    this._slices = null;
    /** Of a slice, until somebody asks for something that may lack it. @type {unknown} */
    this._error = null;
  }

  /** Whether there is work left. */
  get isBusy() {
    return this._waiting.length > 0;
  }

  /** Do something after all else, at once if that does not take long. @param {() => Record[]} work */
  add(work) {
    const goesOn = this.isBusy || this._gathers;
    this._waiting.push(work);
    if (!goesOn) this._begin();
  }

  /** Ask for many things, none of which is begun before all are. @template T @param {() => T} ask @returns {T} */
  together(ask) {
    const goesOn = this.isBusy;
    this._gathers = true;
    try {
      return ask();
    } finally {
      this._gathers = false;
      if (!goesOn) this._begin();
    }
  }

  _begin() {
    this._slice();
    if (this.isBusy) this._slices ??= this._run();
  }

  /** The same, of work that gives a result. @template T @param {() => T} work @returns {Promise<T>} */
  result(work) {
    return new Promise((resolve, reject) => {
      this.add(() => {
        try {
          this._check();
          resolve(work());
        } catch (error) {
          reject(error);
        }
        return [];
      });
    });
  }

  /** Do all that is left now. */
  drain() {
    while (this.isBusy) this._until(Infinity);
    this._check();
  }

  /** @returns {Promise<void>} when nothing is left, of what is asked for now */
  async done() {
    await this._slices;
  }

  async _run() {
    const turns = new Turns();
    while (this.isBusy) {
      await turns.give();
      try {
        this._slice();
      } catch (error) {
        this._error ??= error;
      }
    }
    this._slices = null;
  }

  _slice() {
    const begun = performance.now();
    this._until(begun + (isHidden() ? HIDDEN_BUDGET_MS : BUDGET_MS));
    this._tally.task(performance.now() - begun);
  }

  /** @param {number} end */
  _until(end) {
    if (!this.isBusy) return;
    try {
      this._draws.make(end);
    } catch (error) {
      this._draws.drop();
      this._waiting.shift();
      throw error;
    }
  }

  /** What went wrong in a slice. */
  _check() {
    const error = this._error;
    this._error = null;
    if (error) throw error;
  }
}
