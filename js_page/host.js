// @ts-check
/**
 * Where a program runs: in a Web Worker, or in the page's own thread where that is asked for or there are no workers.
 *
 * The page sees no difference: `call` has the program do something, `onEvent` hears what it tells unasked.
 */

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/**
 * @typedef {object} Host
 * @property {"worker" | "main"} thread
 * @property {(command: string, ...args: any[]) => Promise<any>} call
 * @property {() => void} end lets go of everything; calls under way fail
 */

// A worker that has not said a word until then will not: a policy may block it without an event.
const START_MS = 15_000;

export const ENDED = "the program was ended";

/**
 * @param {string} runtime the URL of the runtime's folder
 * @param {(event: ProgramEvent) => void} onEvent
 * @param {boolean} mainThread whether not to try a worker
 * @returns {Promise<Host>}
 */
export async function startHost(runtime, onEvent, mainThread) {
  const worker = mainThread ? null : await startWorker(new URL("weblayers-worker.js", runtime).href);
  if (worker) return workerHost(worker, onEvent);
  const { createProgram } = await import(new URL("weblayers-program.js", runtime).href);
  const program = createProgram(onEvent);
  return { thread: "main", call: async (command, ...args) => program[command](...args), end: () => program.end() };
}

/** @param {string} url @returns {Promise<Worker | null>} null where the page may have none */
async function startWorker(url) {
  let worker;
  try {
    worker = new Worker(ofThisOrigin(url), { type: "module" });
  } catch {
    return null;
  }
  const started = await new Promise((resolve) => {
    worker.onmessage = () => resolve(true);
    worker.onerror = () => resolve(false);
    setTimeout(() => resolve(false), START_MS);
  });
  if (started) return worker;
  worker.terminate();
  return null;
}

/** Workers come from the page's own origin only: one from elsewhere is imported by one from here. @param {string} url */
function ofThisOrigin(url) {
  if (new URL(url).origin === location.origin) return url;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(url)};`], { type: "text/javascript" }));
}

/** @param {Worker} worker @param {(event: ProgramEvent) => void} onEvent @returns {Host} */
function workerHost(worker, onEvent) {
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map();
  let lastId = 0;
  let isEnded = false;

  /** @param {string} why */
  const fail = (why) => {
    for (const { reject } of waiting.values()) reject(new Error(why));
    waiting.clear();
  };
  worker.onmessage = ({ data }) => {
    if (data.event) return onEvent(data.event);
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) call?.reject(new Error(data.error));
    else call?.resolve(data.result);
  };
  worker.onerror = (event) => fail(`the worker failed: ${event.message}`);
  return {
    thread: "worker",
    call: (command, ...args) =>
      new Promise((resolve, reject) => {
        if (isEnded) return reject(new Error(ENDED));
        waiting.set(++lastId, { resolve, reject });
        worker.postMessage({ id: lastId, command, args });
      }),
    end() {
      isEnded = true;
      worker.terminate();
      fail(ENDED);
    },
  };
}
