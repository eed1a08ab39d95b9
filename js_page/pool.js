// @ts-check
/** Workers that call a function of the program with one task after the other, each with a Python of its own. */

import { startHost } from "./host.js";

/**
 * @typedef {object} Sweep
 * @property {string} source what the program defines
 * @property {string} filename
 * @property {string} function
 * @property {string[]} tasks packed arguments
 * @property {number | null} workers at most
 */
/** @typedef {{index?: number, result?: string, error?: string}} Outcome without an index: there are no workers */
/** @typedef {import("./host.js").Host} Host */
/** @typedef {import("./program.js").LoadOptions} LoadOptions */
/** @typedef {{tell: (outcome: Outcome) => void, log: (event: any) => void}} To who hears of it */

// Each takes a Python's memory.
const MOST_WORKERS = 4;

/** Those of all sweeps under way, by their numbers. */
export class Pools {
  constructor() {
    /** @type {Map<number, Pool>} */
    this._pools = new Map();
  }

  /**
   * @param {LoadOptions} options
   * @param {Sweep & {id: number}} sweep
   * @param {To} to
   */
  begin(options, sweep, to) {
    this._pools.set(sweep.id, new Pool(options, sweep, to));
  }

  /** @param {number} [id] of one; all of them, if there is none */
  end(id) {
    for (const each of id === undefined ? [...this._pools.keys()] : [id]) {
      this._pools.get(each)?.end();
      this._pools.delete(each);
    }
  }
}

class Pool {
  /**
   * @param {LoadOptions} options
   * @param {Sweep} sweep
   * @param {To} to
   */
  constructor(options, sweep, to) {
    this._options = options;
    this._sweep = sweep;
    this._to = to;
    this._next = 0;
    this._isEnded = false;
    /** @type {Set<Host>} */
    this._hosts = new Set();
    const size = Math.min(sweep.workers ?? MOST_WORKERS, MOST_WORKERS, navigator.hardwareConcurrency || 2, sweep.tasks.length);
    for (let i = 0; i < size; i++) this._work();
  }

  end() {
    this._isEnded = true;
    for (const host of this._hosts) host.end();
    this._hosts.clear();
  }

  /** One worker: it takes tasks as long as there are some; another one takes its place if it fails. */
  async _work() {
    /** @type {Host | null} */
    let host = null;
    while (!this._isEnded && this._next < this._sweep.tasks.length) {
      const index = this._next++;
      /** @type {Outcome} */
      let outcome;
      try {
        host ??= await this._started();
        if (!host) return this._to.tell({});
        outcome = await host.call("task", this._sweep.function, this._sweep.tasks[index]);
      } catch (error) {
        outcome = { error: `its worker has failed: ${error instanceof Error ? error.message : error}` };
        this._let(host);
        host = null;
      }
      if (!this._isEnded) this._to.tell({ ...outcome, index });
    }
    this._let(host);
  }

  /** @returns {Promise<Host | null>} null where the page may have no workers */
  async _started() {
    /** @type {(event: import("./program.js").ProgramEvent) => void} */
    const heard = (event) => {
      if (event.type === "log") this._to.log(event);
      // calls under way fail then
      if (event.type === "crashed") host.end();
    };
    const host = await startHost(this._options.runtime, heard, false);
    if (host.thread === "main") return null;
    this._hosts.add(host);
    await host.call("load", this._options);
    await host.call("define", this._sweep.source, this._sweep.filename);
    return host;
  }

  /** @param {Host | null} host */
  _let(host) {
    if (host && this._hosts.delete(host)) host.end();
  }
}
