// @ts-check
/** The Python side of the page: Pyodide with weblayers and digits.py, as commands that host.js calls. */

/**
 * What the program tells unasked.
 * @typedef {{type: "loading", text: string, share: number}
 *   | {type: "backend", backend: string, why: string}
 *   | {type: "steps", steps: [loss: number, accuracy: number][]}
 *   | {type: "epoch"}} ProgramEvent
 */
/** @typedef {Record<string, (...args: any[]) => any>} Program */

const PYODIDE = new URL("weblayers/", import.meta.url);
const FILES = ["digits.py", "data/mnist.npz"];
// The page hears of steps at most so often: they may be faster than it can draw.
const STEPS_MS = 60;

const BACKEND = `
import weblayers
[weblayers.get_backend(), weblayers.why()]
`;

/**
 * @param {(event: ProgramEvent) => void} emit
 * @returns {Program}
 */
export function createProgram(emit) {
  /** @type {any} */
  let pyodide;
  /** @type {any} */
  let digits;

  /** @param {string} text @param {number} share */
  async function loading(text, share) {
    emit({ type: "loading", text, share });
    // In the page's own thread: let it show the text before the work blocks it.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /** Who computes is decided by what there is to compute. */
  function tellBackend() {
    const [backend, why] = pyodide.runPython(BACKEND).toJs();
    emit({ type: "backend", backend, why });
  }

  /** The steps that the page has not heard of. @type {[number, number][]} */
  let steps = [];
  let toldAt = 0;
  let isFirst = false;

  function tellSteps() {
    if (steps.length) emit({ type: "steps", steps });
    steps = [];
    toldAt = performance.now();
  }

  /** @param {number} loss @param {number} accuracy */
  function onStep(loss, accuracy) {
    if (isFirst) tellBackend();
    isFirst = false;
    steps.push([loss, accuracy]);
    if (performance.now() - toldAt > STEPS_MS) tellSteps();
  }

  function onEpoch() {
    tellSteps();
    // another takes over from a device that is lost
    tellBackend();
    emit({ type: "epoch" });
  }

  return {
    async load() {
      await loading("Loading Python", 0.05);
      const [{ loadPyodide }, glue] = await Promise.all([
        import(new URL("pyodide.mjs", PYODIDE).href),
        import(new URL("weblayers_glue.mjs", PYODIDE).href),
      ]);
      pyodide = await loadPyodide({ indexURL: PYODIDE.href });
      pyodide.registerJsModule("weblayers_glue", glue);
      await loading("Loading NumPy and weblayers", 0.5);
      await pyodide.loadPackage("weblayers", { messageCallback() {} });
      await loading("Starting weblayers", 0.75);
      tellBackend();
      await loading("Loading 10,000 digits", 0.85);
      await Promise.all(FILES.map((name) => copyFile(pyodide, name)));
      await loading("Running digits.py", 0.95);
      digits = pyodide.pyimport("digits");
      return { stepsPerEpoch: Math.ceil(digits.y_train.length / digits.BATCH_SIZE) };
    },

    /** @param {number} epochs */
    async train(epochs) {
      steps = [];
      isFirst = true;
      await digits.train(epochs, onStep, onEpoch);
      tellSteps();
    },

    stop() {
      digits.stop();
    },

    /** @returns {Promise<{loss: number, accuracy: number}>} */
    async test() {
      const [loss, accuracy] = (await digits.test()).toJs();
      return { loss, accuracy };
    },

    /** @param {Uint8Array} pixels @returns {Promise<number[]>} */
    async predict(pixels) {
      return (await digits.predict(pyodide.toPy(pixels))).toJs();
    },

    /** @returns {Uint8Array} */
    example() {
      return digits.example().toJs();
    },
  };
}

/** Fetch a file of the site into the folder that Python works in. @param {any} pyodide @param {string} name */
async function copyFile(pyodide, name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} could not be loaded: the server answered ${response.status}`);
  const folder = name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : ".";
  pyodide.FS.mkdirTree(folder);
  pyodide.FS.writeFile(name, new Uint8Array(await response.arrayBuffer()));
}
