// @ts-check
/** Turns of the event loop. The timers of a hidden page run once a second; messages arrive at once. */

import { ownDocument } from "./page.js";

const channel = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
channel.port1.onmessage = () => waiting.shift()?.();

/** Whether nobody sees the page. */
export function isHidden() {
  return ownDocument()?.hidden ?? false;
}

/** Call in the next turn. @param {() => void} callback */
export function soon(callback) {
  waiting.push(callback);
  channel.port2.postMessage(null);
}

/** Call after about a millisecond, which leaves the processor to others. @param {() => void} callback */
export function later(callback) {
  if (isHidden()) soon(callback);
  else setTimeout(() => soon(callback), 1);
}

/** A turn for everything else. @returns {Promise<void>} */
export function pause() {
  return new Promise((resolve) => (isHidden() ? soon(resolve) : setTimeout(resolve, 0)));
}

// So often timers have their turn, which costs four milliseconds each time.
const TIMERS_MS = 50;

/** Turns for the page amid work. WebKit lets no timer fire as long as there are messages: now and then it is a timer's turn. */
export class Turns {
  constructor() {
    this._timersAt = performance.now();
  }

  async give() {
    if (performance.now() - this._timersAt < TIMERS_MS) {
      await new Promise((resolve) => soon(() => resolve(undefined)));
    } else {
      await pause();
      this._timersAt = performance.now();
    }
  }
}
