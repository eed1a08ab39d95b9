// @ts-check
/** The benchmark: the workloads and contenders that the address names, and their medians. */

import { CONTENDERS, measured } from "./contest.js";
import { WORKLOADS } from "./workloads.js";

const log = document.getElementById("log");
/** @param {string} text */
function say(text) {
  log.textContent += `\n${text}`;
  console.log(text);
}

async function main() {
  const query = new URLSearchParams(location.search);
  const list = (/** @type {string} */ key, /** @type {object} */ all) => {
    const names = query.get(key)?.split(",").filter(Boolean) ?? Object.keys(all);
    for (const name of names) {
      if (!(name in all)) throw new Error(`there is no ${name}; --${key} takes some of ${Object.keys(all).join(", ")}`);
    }
    return names;
  };
  const rounds = Number(query.get("rounds") ?? 5);
  const makers = { wasm: await CONTENDERS.wasm() };
  for (const who of list("against", CONTENDERS)) makers[who] = await CONTENDERS[who]();
  const workloads = {};
  for (const name of list("only", WORKLOADS)) {
    const begun = performance.now();
    workloads[name] = await measured(name, makers, rounds, say);
    say(`${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s ${JSON.stringify(workloads[name], null, 1)}`);
  }
  const { PRODUCTS, measuredProducts } = await import("./products.js");
  const products = {};
  for (const name of PRODUCTS.filter((name) => name in workloads)) products[name] = await measuredProducts(name);
  const { rendererOf } = await import("./ours.js");
  return { workloads, products, rounds, renderer: rendererOf(), cores: navigator.hardwareConcurrency, isolated: crossOriginIsolated };
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
