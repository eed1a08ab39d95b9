// @ts-check
/** weblayers on a workload: its `fit` or `predict`, on one of its backends. */

import { dataFor } from "./workloads.js";

/** @type {any} */
let pyodide;
/** workloads.py as a module. @type {any} */
let workloads;

/** Python with the modules of this folder, once. */
export async function startPython() {
  if (pyodide) return pyodide;
  const { loadPyodide } = await import(new URL("./weblayers/pyodide.mjs", location.href).href);
  pyodide = await loadPyodide({ indexURL: new URL("./weblayers/", location.href).href });
  pyodide.registerJsModule("weblayers_glue", await import(new URL("./weblayers/weblayers_glue.mjs", location.href).href));
  await pyodide.loadPackage("weblayers");
  for (const name of ["workloads.py", "products.py"]) pyodide.FS.writeFile(name, await (await fetch(name)).text());
  workloads = pyodide.pyimport("workloads");
  return pyodide;
}

/** @param {any} proxy @returns {any} a dictionary of Python as an object */
export function taken(proxy) {
  const value = proxy.toJs({ dict_converter: Object.fromEntries });
  proxy.destroy();
  return value;
}

export class Ours {
  /** @param {string} backend @param {string} name @param {import("./workloads.js").Workload} workload @param {number} steps */
  constructor(backend, name, { batch }, steps) {
    const { x, y, epochs } = dataFor(name, steps);
    this.steps = steps;
    this.epochs = epochs;
    /** Milliseconds of the parts of compiling, once there was a step. */
    this.parts = {};
    this.run = workloads.Run(backend, name, batch, x, y);
  }

  async firstStep() {
    const { ms, parts } = taken(await this.run.first_step());
    this.parts = parts;
    return ms;
  }

  async measured() {
    return taken(await this.run.measured(this.steps, this.epochs));
  }

  /** @returns {number} */
  draws() {
    return this.run.draws();
  }

  dispose() {
    this.run.destroy();
    pyodide.runPython("import gc; gc.collect()");
  }
}

/** What draws WebGL here; empty where there is none. @returns {string} */
export const renderer = () => workloads.renderer();
