// @ts-check
/** What the processor is asked for: draws, and what is done without any, such as reading. */

import { Queue } from "../queue.js";
import { Turns } from "../turns.js";
import { Draws } from "./draws.js";

/** @typedef {import("./module.js").Record} Record */
/** @typedef {() => Record[]} Work gives the draws to make; none where it has done all there is to do */

/** @extends {Queue<Work>} */
export class WasmQueue extends Queue {
  /** @param {import("../counters.js").Counters} tally */
  constructor(tally) {
    super(tally);
    this._turns = new Turns();
    this._draws = new Draws(
      () => this._waiting[0](),
      (count) => {
        tally.now.draws += count;
        this._waiting.shift();
        return this.isBusy;
      },
    );
  }

  /** The result of what is done after all else. @template T @param {() => T} work @returns {Promise<T>} */
  result(work) {
    return new Promise((resolve, reject) => {
      this.add(() => {
        try {
          this.check();
          resolve(work());
        } catch (error) {
          reject(error);
        }
        return [];
      });
    });
  }

  /** @override @param {number} end */
  _make(end) {
    this._draws.make(end);
  }

  /** @override */
  _turn() {
    return this._turns.give();
  }

  /** @override */
  _drop() {
    this._draws.drop();
    super._drop();
  }
}
