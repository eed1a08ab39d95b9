// @ts-check
/** Workloads that weblayers and its peers run by turns on one page: medians of their times. */

import { WORKLOADS } from "./workloads.js";

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/**
 * @typedef {object} Contender a library on a workload; everything it needs is there before anything is measured
 * @property {() => Promise<number>} firstStep milliseconds
 * @property {() => Promise<Record<string, number>>} measured milliseconds of a step, every way there is; of none if it is
 *   there for its first step
 * @property {() => void} dispose
 * @property {Record<string, number>} [parts] milliseconds of the first step's compiling
 * @property {() => {draws: number, multiply_adds: number}} [counted] of a step
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
export const CONTENDERS = {
  wasm: () => ours("wasm"),
  webgl: () => ours("webgl"),
  numpy: () => ours("numpy"),
  page: () => ours("page"),
  tfjs_webgl: () => tfjs("webgl"),
  tfjs_cpu: () => tfjs("cpu"),
  tfjs_wasm: () => tfjs("wasm"),
  jax_wasm: jax,
};

/** @typedef {(text: string) => void} Say */

/**
 * One workload: each contender's first step, then everybody by turns.
 * @param {string} name @param {Record<string, Make>} makers @param {number} rounds @param {Say} say what is done now
 */
export async function measured(name, makers, rounds, say) {
  const workload = WORKLOADS[name];
  const { steps } = workload;
  /** @type {Record<string, Contender>} */
  const contenders = {};
  const result = { batch: workload.batch, draws: null, multiply_adds: null, ms: {}, first_step_ms: {}, compile_ms: {}, cannot: {} };
  for (const who of Object.keys(makers).filter((who) => who in steps)) {
    try {
      const contender = await makers[who](name, workload, steps[who]);
      result.first_step_ms[who] = await contender.firstStep();
      // warms everything up that is measured
      const ways = await contender.measured();
      if (Object.keys(ways).length) contenders[who] = contender;
      else contender.dispose();
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
      say(`${name}: round ${round + 1} of ${rounds}, ${who}`);
      const ways = (times[who] ??= {});
      for (const [way, ms] of Object.entries(await contender.measured())) (ways[way] ??= []).push(ms);
    }
  }
  for (const [who, ways] of Object.entries(times)) {
    result.ms[who] = Object.fromEntries(Object.entries(ways).map(([way, list]) => [way, median(list)]));
  }
  Object.assign(result, contenders.wasm?.counted?.());
  for (const contender of Object.values(contenders)) contender.dispose();
  return result;
}
