// @ts-check
/** Trains on the main thread, with weblayers or TensorFlow.js, and measures what the page's user would feel. */

import { MODELS } from "./models.js";
import { startPython } from "./ours.js";
import { WORKLOADS, dataFor } from "./workloads.js";

const tf = globalThis.tf;
const SECONDS = 6;
/** Trains with weblayers. @type {any} */
let train;

/** @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Gaps between frames and between tasks, and the way of clicks, until it is stopped. */
class Probe {
  constructor() {
    this.frames = [];
    this.tasks = [];
    this.clicks = [];
    this.running = true;
    let frame = performance.now();
    const onFrame = () => {
      const now = performance.now();
      this.frames.push(now - frame);
      frame = now;
      if (this.running) requestAnimationFrame(onFrame);
    };
    requestAnimationFrame(onFrame);
    // a task that always waits its turn: the gap between two is the longest task between them
    const channel = new MessageChannel();
    let task = performance.now();
    channel.port1.onmessage = () => {
      const now = performance.now();
      this.tasks.push(now - task);
      task = now;
      if (this.running) setTimeout(() => channel.port2.postMessage(0), 0);
    };
    channel.port2.postMessage(0);
    this.onClick = (/** @type {Event} */ event) => this.clicks.push(performance.now() - event.timeStamp);
    document.getElementById("button").addEventListener("click", this.onClick);
  }

  stop() {
    this.running = false;
    document.getElementById("button").removeEventListener("click", this.onClick);
    const spread = (/** @type {number[]} */ v) => ({
      median: quantile(v, 0.5), p95: quantile(v, 0.95), max: quantile(v, 1), count: v.length,
    });
    return { frame_gap_ms: spread(this.frames), task_ms: spread(this.tasks), click_delay_ms: spread(this.clicks) };
  }
}

/** Batches of a workload's data. */
const BATCHES = { mnist_cnn: 8, lstm: 4 };

const WAYS = {
  async tfjs(/** @type {string} */ name, /** @type {number} */ until) {
    const { batch, input, target } = WORKLOADS[name];
    const { x, y, samples } = dataFor(name, BATCHES[name]);
    let steps = 0;
    const model = MODELS[name]();
    const callbacks = {
      onBatchEnd() {
        steps++;
        if (performance.now() > until) model.stopTraining = true;
      },
    };
    const [xs, ys] = [tf.tensor(x, [samples, ...input]), tf.tensor(y, [samples, ...target])];
    await model.fit(xs, ys, { epochs: 1000, batchSize: batch, verbose: 0, callbacks });
    return steps;
  },
  async weblayers(/** @type {string} */ name, /** @type {number} */ until) {
    const { x, y } = dataFor(name, BATCHES[name]);
    return train(name, WORKLOADS[name].batch, x, y, until - performance.now());
  },
};

const TRAIN = `
import time

from workloads import Run

async def train(name, batch, x, y, milliseconds):
    run = Run("auto", name, batch, x, y)
    until, steps = time.monotonic() + milliseconds / 1000, []

    def stop(batch, logs):
        steps.append(batch)
        if time.monotonic() > until:
            run.model.stop_training = True

    await run.model.fit(run.x, run.y, batch_size=batch, epochs=1000, verbose=0, callbacks={"onBatchEnd": stop})
    return len(steps)

train
`;

/** Everything from the model's making to the end of its training. */
globalThis.measure = async (/** @type {"tfjs" | "weblayers"} */ way, /** @type {string} */ name) => {
  const probe = new Probe();
  const begun = performance.now();
  const steps = await WAYS[way](name, begun + SECONDS * 1000);
  return { ...probe.stop(), steps, seconds: (performance.now() - begun) / 1000 };
};

async function main() {
  await tf.setBackend("webgl");
  await tf.ready();
  train = (await startPython()).runPython(TRAIN);
  document.getElementById("log").textContent = "ready";
  return "ready";
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
