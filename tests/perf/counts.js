// @ts-check
/** What a step of one workload draws, writes and holds on WebGL: ours, and TensorFlow.js'. */

import { counts, startCounting } from "./counting.js";
import { Ours, startPython } from "./ours.js";
import { TfPeer } from "./tfjs.js";
import { WORKLOADS } from "./workloads.js";

const STEPS = 3;

/**
 * Counts of a step, once everything has been compiled and used, and the most that was held at a time.
 * @param {() => Promise<unknown>} first @param {() => Promise<unknown>} steps
 */
async function counted(first, steps) {
  counts.peak = counts.held;
  const { held } = counts;
  await first();
  const before = { ...counts };
  await steps();
  return {
    draws: (counts.draws - before.draws) / STEPS,
    written: (counts.written - before.written) / STEPS,
    peak: counts.peak - held,
  };
}

async function main() {
  startCounting();
  const name = /** @type {string} */ (new URLSearchParams(location.search).get("only"));
  const workload = WORKLOADS[name];
  await startPython();
  let peer = /** @type {any} */ (null);
  const theirs = await counted(
    async () => {
      peer = await TfPeer.made("webgl", name, workload, STEPS);
      await peer.firstStep();
    },
    () => (workload.predicts ? peer.predict(STEPS) : peer.fit()),
  );
  let run = /** @type {any} */ (null);
  const ours = await counted(
    async () => {
      run = new Ours("webgl", name, workload, STEPS);
      await run.firstStep();
    },
    () => run.measured(),
  );
  return { ours: { ...ours, ...run.counted() }, theirs };
}

/** @type {any} */ (globalThis).bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
