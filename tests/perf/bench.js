// @ts-check
/** Runs the same workloads with weblayers and with its peers, by turns on one page, and reports medians. */

import { WORKLOADS } from "./workloads.js";

const log = document.getElementById("log");
/** @param {string} text */
function say(text) {
  log.textContent += `\n${text}`;
  console.log(text);
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/**
 * @typedef {object} Contender a library on a workload; everything it needs is there before anything is measured
 * @property {() => Promise<number>} firstStep milliseconds
 * @property {() => Promise<Record<string, number>>} measured milliseconds of a step, every way there is
 * @property {() => void} dispose
 * @property {Record<string, number>} [parts] milliseconds of the first step's compiling
 * @property {() => number} [draws]
 */
/** @typedef {(name: string, workload: import("./workloads.js").Workload, steps: number) => Promise<Contender>} Make */

/** @param {string} backend @returns {Promise<Make>} */
async function ours(backend) {
  const { Ours, startPython } = await import("./ours.js");
  await startPython();
  return async (...args) => new Ours(backend, ...args);
}

/** @param {string} backend @returns {Promise<Make>} */
async function tfjs(backend) {
  const { TfPeer } = await import("./tfjs.js");
  return (...args) => TfPeer.made(backend, ...args);
}

/** @returns {Promise<Make>} */
async function jax() {
  const { JaxPeer, startJax } = await import("./jax.js");
  await startJax();
  return async (...args) => new JaxPeer(...args);
}

/** @type {Record<string, () => Promise<Make>>} */
const CONTENDERS = {
  wasm: () => ours("wasm"),
  webgl: () => ours("webgl"),
  numpy: () => ours("numpy"),
  tfjs_webgl: () => tfjs("webgl"),
  tfjs_cpu: () => tfjs("cpu"),
  tfjs_wasm: () => tfjs("wasm"),
  jax_wasm: jax,
};

/**
 * One workload: each contender's first step, then everybody by turns.
 * @param {string} name @param {Record<string, Make>} makers @param {number} rounds
 */
async function measured(name, makers, rounds) {
  const workload = WORKLOADS[name];
  const { steps } = workload;
  /** @type {Record<string, Contender>} */
  const contenders = {};
  const result = { batch: workload.batch, draws: null, ms: {}, first_step_ms: {}, compile_ms: {}, cannot: {} };
  for (const who of Object.keys(makers).filter((who) => who in steps)) {
    try {
      const contender = await makers[who](name, workload, steps[who]);
      result.first_step_ms[who] = await contender.firstStep();
      // warms everything up that is measured
      await contender.measured();
      contenders[who] = contender;
      if (contender.parts && who !== "numpy") result.compile_ms[who] = contender.parts;
      say(`${name}: first step of ${who} ${result.first_step_ms[who].toFixed(0)} ms`);
    } catch (error) {
      // ours must; peers have ops that they lack
      if (!who.includes("_")) throw error;
      delete result.first_step_ms[who];
      result.cannot[who] = String(error.message ?? error).split("\n")[0];
      say(`${name}: ${who} cannot: ${result.cannot[who]}`);
    }
  }
  /** @type {Record<string, Record<string, number[]>>} */
  const times = {};
  for (let round = 0; round < rounds; round++) {
    for (const [who, contender] of Object.entries(contenders)) {
      const ways = (times[who] ??= {});
      for (const [way, ms] of Object.entries(await contender.measured())) (ways[way] ??= []).push(ms);
    }
  }
  for (const [who, ways] of Object.entries(times)) {
    result.ms[who] = Object.fromEntries(Object.entries(ways).map(([way, list]) => [way, median(list)]));
  }
  result.draws = contenders.wasm.draws();
  for (const contender of Object.values(contenders)) contender.dispose();
  return result;
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
    workloads[name] = await measured(name, makers, rounds);
    say(`${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s ${JSON.stringify(workloads[name], null, 1)}`);
  }
  const { PRODUCTS, measuredProducts } = await import("./products.js");
  const products = {};
  for (const name of PRODUCTS.filter((name) => name in workloads)) products[name] = await measuredProducts(name);
  const { renderer } = await import("./ours.js");
  return { workloads, products, rounds, renderer: renderer(), cores: navigator.hardwareConcurrency, isolated: crossOriginIsolated };
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
