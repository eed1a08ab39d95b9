// @ts-check
/** Steps of growing size, on WebAssembly and on WebGL. */

import { importPython, rendererOf, startPython, taken } from "./ours.js";

const log = /** @type {HTMLElement} */ (document.getElementById("log"));

async function main() {
  await startPython();
  const growth = await importPython("growth");
  /** @type {Record<string, {title: string, rows: any[]}>} */
  const series = {};
  for (const name of growth.SERIES) {
    const [title, sizes] = growth.SERIES.get(name).toJs();
    const rows = (series[name] = { title, rows: [] }).rows;
    for (const n of sizes) {
      const row = { n, wasm: taken(await growth.measured(name, n, "wasm")), webgl: taken(await growth.measured(name, n, "webgl")) };
      rows.push(row);
      log.textContent += `\n${name} ${JSON.stringify(row)}`;
    }
  }
  return { series, renderer: rendererOf(), cores: navigator.hardwareConcurrency };
}

/** @type {any} */ (globalThis).bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
