// @ts-check
/**
 * Runs a Python program beside the page: in a Web Worker, or in the page's own thread where that is asked for or
 * the browser has no module workers.
 *
 * The page sees no difference: `call` asks the program for something, `onEvent` hears what it tells unasked.
 */

import { createProgram } from "./program.js";

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/**
 * @typedef {object} Host
 * @property {"worker" | "main"} thread
 * @property {(command: string, ...args: any[]) => Promise<any>} call
 */

/**
 * @param {(event: ProgramEvent) => void} onEvent
 * @param {boolean} [mainThread] whether not to try a worker
 * @returns {Promise<Host>}
 */
export async function startHost(onEvent, mainThread = false) {
  const worker = mainThread ? null : await startWorker(onEvent);
  if (worker) return { thread: "worker", call: worker };
  const program = createProgram(onEvent);
  return { thread: "main", call: async (command, ...args) => program[command](...args) };
}

/**
 * @param {(event: ProgramEvent) => void} onEvent
 * @returns {Promise<Host["call"] | null>} null where the browser has no module workers
 */
async function startWorker(onEvent) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let lastId = 0;
  const started = await new Promise((resolve) => {
    worker.onmessage = () => resolve(true);
    worker.onerror = () => resolve(false);
  });
  if (!started) return null;

  worker.onmessage = ({ data }) => {
    if (data.event) return onEvent(data.event);
    const { resolve, reject } = /** @type {any} */ (waiting.get(data.id));
    waiting.delete(data.id);
    if (data.error) reject(new Error(data.error));
    else resolve(data.result);
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(`the worker failed: ${event.message}`));
    waiting.clear();
  };
  return (command, ...args) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      worker.postMessage({ id: lastId, command, args });
    });
}
