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
