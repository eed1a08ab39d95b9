// @ts-check
/** Times the draws of a plan on WebAssembly one by one. */

import { importPython, startPython, taken } from "./ours.js";
import { WORKLOADS, dataFor } from "./workloads.js";

/** Those whose products are looked at. */
export const PRODUCTS = ["mlp", "mnist_cnn"];

// The clock is coarse: steps are many, and draws alone are repeated for so long. What else the machine did is no property
// of kernels: the best try counts.
const STEPS = 20;
const ALONE_MS = 5;
const TRIES = 5;

/**
 * Milliseconds of each draw inside steps, and alone.
 * @param {any} device of the glue @param {number} plan @param {any} textures its inputs and outputs @param {number} scalars
 */
function drawTimes(device, plan, textures, scalars) {
  const loaded = device._plan(plan);
  const own = loaded.take();
  const args = device.arena.alloc(loaded.argumentBytes);
  const records = loaded.bind([...own, ...textures].map((id) => device.address(id)), args);
  const registers = loaded.scalars(new Array(scalars).fill(0));
  for (const record of records) device.tell(record, registers);
  const steps = () => {
    const times = records.map(() => 0);
    for (let step = 0; step < STEPS; step++) {
      records.forEach((/** @type {any} */ { run, args, from, to }, /** @type {number} */ i) => {
        const begun = performance.now();
        run(args, from, to);
        times[i] += (performance.now() - begun) / STEPS;
      });
    }
    return times;
  };
  const total = (/** @type {number[]} */ times) => times.reduce((a, b) => a + b, 0);
  // the first are warm-up: the browser compiles again what runs often
  const tries = Array.from({ length: 1 + TRIES }, steps).slice(1);
  const inside = tries.reduce((best, times) => (total(times) < total(best) ? times : best));
  const alone = records.map((/** @type {any} */ { run, args, from, to }, /** @type {number} */ i) => {
    const repeats = Math.ceil(ALONE_MS / Math.max(inside[i], 0.001));
    let best = Infinity;
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const begun = performance.now();
      for (let j = 0; j < repeats; j++) run(args, from, to);
      best = Math.min(best, (performance.now() - begun) / repeats);
    }
    return best;
  });
  device.arena.free(args);
  loaded.giveBack(own);
  return [inside, alone];
}

/** The products of a workload's step. @param {string} name */
export async function measuredProducts(name) {
  await startPython();
  const products = await importPython("products");
  const { x, y } = dataFor(name, 1);
  return taken(products.measured(name, WORKLOADS[name].batch, x, y, drawTimes));
}
