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
  // the folder with Pyodide and weblayers
  const runtime = new URL(document.documentElement.dataset.runtime ?? "./weblayers/", location.href).href;
  const { loadPyodide } = await import(`${runtime}pyodide.mjs`);
  const python = await loadPyodide({ indexURL: runtime });
  python.registerJsModule("weblayers_glue", await import(`${runtime}weblayers_glue.mjs`));
  await python.loadPackage("weblayers");
  workloads = await importPython("workloads", python);
  // only now is all there
  pyodide = python;
  return pyodide;
}

/** A module of this folder. @param {string} name */
export async function importPython(name, python = pyodide) {
  python.FS.writeFile(`${name}.py`, await (await fetch(`${name}.py`)).text());
  return python.pyimport(name);
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
  counted() {
    return taken(this.run.counted());
  }

  dispose() {
    this.run.destroy();
    pyodide.runPython("import gc; gc.collect()");
  }
}

/** What draws WebGL here; empty where there is none, or where nothing of ours has run. @returns {string} */
export const rendererOf = () => workloads?.renderer() ?? "";
