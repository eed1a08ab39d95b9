// @ts-check
/** The Python side of the page: Pyodide with weblayers and digits.py, as commands that host.js calls. */

/**
 * What the program tells unasked.
 * @typedef {{type: "loading", text: string, share: number}
 *   | {type: "steps", steps: [loss: number, accuracy: number][]}
 *   | {type: "epoch"}} ProgramEvent
 */
/** @typedef {Record<string, (...args: any[]) => any>} Program */

const PYODIDE = new URL("pyodide/", import.meta.url);
const FILES = ["digits.py", "data/mnist.npz"];
// The page hears of steps at most so often: they may be faster than it can draw.
const STEPS_MS = 60;

// Without WebGL2 weblayers warns and says why.
const BACKEND = `
import warnings
import weblayers
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    backend = weblayers.get_backend()
[backend, *(str(warning.message) for warning in caught)]
`;

/**
 * Why this thread has no WebGL2 that weblayers can use; null where it has.
 * @returns {string | null}
 */
export function webglReason() {
  const gl = newContext();
  if (!gl) return "this thread has no WebGL2";
  const reason = gl.getExtension("EXT_color_buffer_float") ? null : "this GPU cannot render to float textures";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return reason;
}

/** @returns {string} the GPU's name, as the browser tells it */
function rendererName() {
  const gl = newContext();
  if (!gl) return "";
  const unmasked = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(unmasked ? unmasked.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return name;
}

/** @returns {WebGL2RenderingContext | null} */
function newContext() {
  if (typeof document !== "undefined") return document.createElement("canvas").getContext("webgl2");
  return typeof OffscreenCanvas === "undefined" ? null : new OffscreenCanvas(1, 1).getContext("webgl2");
}

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

  /** The steps that the page has not heard of. @type {[number, number][]} */
  let steps = [];
  let toldAt = 0;

  function tellSteps() {
    if (steps.length) emit({ type: "steps", steps });
    steps = [];
    toldAt = performance.now();
  }

  /** @param {number} loss @param {number} accuracy */
  function onStep(loss, accuracy) {
    steps.push([loss, accuracy]);
    if (performance.now() - toldAt > STEPS_MS) tellSteps();
  }

  function onEpoch() {
    tellSteps();
    emit({ type: "epoch" });
  }

  return {
    webglReason,

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
      const [backend, warning] = pyodide.runPython(BACKEND).toJs();
      await loading("Loading 10,000 digits", 0.85);
      await Promise.all(FILES.map((name) => copyFile(pyodide, name)));
      await loading("Running digits.py", 0.95);
      digits = pyodide.pyimport("digits");
      return {
        backend,
        warning,
        renderer: backend === "webgl" ? rendererName() : "",
        stepsPerEpoch: Math.ceil(digits.y_train.length / digits.BATCH_SIZE),
      };
    },

    /** @param {number} epochs */
    async train(epochs) {
      steps = [];
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
