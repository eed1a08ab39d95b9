// @ts-check
/** Trains on the main thread, with weblayers or TensorFlow.js, and measures what the page's user would feel. */

import { MODELS } from "./models.js";

const tf = globalThis.tf;
const SECONDS = 6;

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

const SIZES = { mnist_cnn: { batch: 64, samples: 512 }, lstm: { batch: 32, samples: 128 } };

const WAYS = {
  async tfjs(/** @type {string} */ name, /** @type {number} */ until) {
    const { batch, samples } = SIZES[name];
    const model = MODELS[name]();
    const x = tf.randomUniform([samples, ...model.inputs[0].shape.slice(1)]);
    const y = tf.oneHot(tf.randomUniform([samples], 0, 10, "int32"), 10).toFloat();
    let steps = 0;
    const callbacks = {
      onBatchEnd() {
        steps++;
        if (performance.now() > until) model.stopTraining = true;
      },
    };
    await model.fit(x, y, { epochs: 1000, batchSize: batch, verbose: 0, callbacks });
    return steps;
  },
  async weblayers(/** @type {string} */ name, /** @type {number} */ until) {
    const { batch, samples } = SIZES[name];
    return globalThis.python(`await train("${name}", ${batch}, ${samples}, ${until - performance.now()})`);
  },
};

const TRAIN = `
import time

async def train(name, batch, samples, milliseconds):
    prepare(name, samples)
    model, x, y = _kept[name]
    until, steps = time.monotonic() + milliseconds / 1000, []

    def stop(batch, logs):
        steps.append(batch)
        if time.monotonic() > until:
            model.stop_training = True

    await model.fit(x, y, batch_size=batch, epochs=1000, verbose=0, callbacks={"onBatchEnd": stop})
    return len(steps)
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
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: new URL("./pyodide/", location.href).href });
  pyodide.registerJsModule("weblayers_glue", await import("./pyodide/weblayers_glue.mjs"));
  await pyodide.loadPackage("weblayers");
  pyodide.runPython(await (await fetch("workloads.py")).text());
  pyodide.runPython(TRAIN);
  globalThis.python = (/** @type {string} */ source) => pyodide.runPythonAsync(source);
  document.getElementById("log").textContent = "ready";
  return "ready";
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
