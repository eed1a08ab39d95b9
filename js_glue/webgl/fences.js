// @ts-check
/**
 * Waiting for the GPU without waiting: fences are polled from the event loop, in the order of their creation.
 *
 * Fences only signal after the page has returned to the event loop, and polling them out of order can miss one
 * (tfjs issue 1145). Message tasks poll as fast as the loop turns; timers leave the processor to others.
 */

import { LOST } from "./context.js";
import { later, soon } from "../turns.js";

/** @typedef {{sync: WebGLSync, eager: boolean, resolve: () => void, reject: (error: Error) => void}} Waiting */

const EAGER_MS = 2;

export class Fences {
  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this._gl = gl;
    /** @type {Waiting[]} */
    this._queue = [];
    this._polling = false;
    /** When the oldest fence became the one to wait for. */
    this._waitingSince = 0;
    /** @type {Error | null} */
    this._failed = null;
  }

  /**
   * Resolves once everything issued so far is done.
   * @param {boolean} eager polls at once, for work that is soon done: where CPU and GPU share processors or power, that
   * slows long work down (a sixth on software WebGL)
   * @returns {Promise<void>}
   */
  insert(eager) {
    const gl = this._gl;
    if (this._failed) return Promise.reject(this._failed);
    const sync = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    if (!sync) return Promise.reject(new Error(gl.isContextLost() ? LOST : "the GPU gave no fence"));
    return new Promise((resolve, reject) => {
      this._queue.push({ sync, eager, resolve, reject });
      if (!this._polling) {
        this._polling = true;
        this._waitingSince = performance.now();
        this._idle();
      }
    });
  }

  /** Everything that waits ends so, and whatever comes. @param {Error} error */
  fail(error) {
    this._failed = error;
    this._reject(error);
  }

  /** @param {Error} error */
  _reject(error) {
    this._polling = false;
    for (const { reject } of this._queue.splice(0)) reject(error);
  }

  _poll() {
    const gl = this._gl;
    while (this._queue.length) {
      const { sync, resolve } = this._queue[0];
      // a timeout of 0 asks and does not wait
      const status = gl.clientWaitSync(sync, 0, 0);
      if (status === gl.TIMEOUT_EXPIRED) break;
      if (status === gl.WAIT_FAILED) {
        this._reject(new Error(gl.isContextLost() ? LOST : "the GPU did not wait for its fence"));
        return;
      }
      this._queue.shift();
      this._waitingSince = performance.now();
      gl.deleteSync(sync);
      resolve();
    }
    this._polling = this._queue.length > 0;
    if (!this._polling) return;
    this._idle();
  }

  _idle() {
    const poll = () => this._poll();
    if (this._queue[0].eager && performance.now() - this._waitingSince < EAGER_MS) soon(poll);
    else later(poll);
  }
}
