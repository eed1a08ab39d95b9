// @ts-check
/** Trains the same models with weblayers and with TensorFlow.js, by turns, and reports medians. */

import { MODELS, VOCABULARY } from "./models.js";

const tf = globalThis.tf;
const log = document.getElementById("log");
/** @param {string} text */
function say(text) {
  log.textContent += `\n${text}`;
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

const WORKLOADS = {
  dense1: { batch: 4, steps: 400, tfSteps: 100 },
  mlp: { batch: 128, steps: 30, tfSteps: 10 },
  mnist_cnn: { batch: 64, steps: 20, tfSteps: 5 },
  lstm: { batch: 32, steps: 10, tfSteps: 3 },
  cnn_batchnorm: { batch: 32, steps: 10, tfSteps: 4 },
  transformer: { batch: 16, steps: 10, tfSteps: 4 },
  predict_mobilenet: { batch: 1, steps: 8, tfSteps: 4, predicts: true },
};

/** TensorFlow.js on a workload: its fit, and its bare optimizer on one batch that is already there; or its predict. */
class Peer {
  /** @param {string} name @param {{batch: number, tfSteps: number, predicts?: boolean}} size */
  constructor(name, { batch, tfSteps, predicts = false }) {
    this.batch = batch;
    this.steps = tfSteps;
    this.predicts = predicts;
    this.model = MODELS[name]();
    const samples = batch * tfSteps;
    const shape = this.model.inputs[0].shape.slice(1);
    const targets = this.model.outputs[0].shape.slice(1);
    const classes = targets[targets.length - 1];
    const tokens = name === "transformer";
    this.x = tokens
      ? tf.tidy(() => tf.randomUniform([samples, ...shape], 0, VOCABULARY, "int32").toFloat())
      : tf.randomUniform([samples, ...shape]);
    this.y = classes > 1
      ? tf.tidy(() => tf.oneHot(tf.randomUniform([samples, ...targets.slice(0, -1)], 0, classes, "int32"), classes).toFloat())
      : tf.tidy(() => this.x.mul(2).sub(1));
    this.batchX = this.x.slice([0], [batch]);
    this.batchY = this.y.slice([0], [batch]);
    this.loss = classes > 1 ? tf.metrics.categoricalCrossentropy : tf.metrics.meanSquaredError;
  }

  /** Until weights and data are made. */
  async ready() {
    for (const tensor of [this.batchX, this.batchY, ...this.model.getWeights()]) await tensor.data();
  }

  async firstStep() {
    const begun = performance.now();
    if (this.predicts) await this.predict(1);
    else await this.model.trainOnBatch(this.batchX, this.batchY);
    return performance.now() - begun;
  }

  /** Milliseconds of a step, every way there is. */
  async measured() {
    return this.predicts ? { predict: await this.predict(this.steps) } : { fit: await this.fit(), minimize: await this.minimize() };
  }

  /** @param {number} times */
  async predict(times) {
    const begun = performance.now();
    for (let i = 0; i < times; i++) {
      const out = this.model.predict(this.batchX);
      await out.data();
      out.dispose();
    }
    return (performance.now() - begun) / times;
  }

  async fit() {
    const begun = performance.now();
    await this.model.fit(this.x, this.y, { epochs: 1, batchSize: this.batch, verbose: 0 });
    return (performance.now() - begun) / this.steps;
  }

  async minimize() {
    const begun = performance.now();
    for (let i = 0; i < this.steps; i++) {
      const last = i === this.steps - 1;
      const cost = this.model.optimizer.minimize(
        () => this.loss(this.batchY, this.model.apply(this.batchX, { training: true })).mean(),
        last,
      );
      if (last) {
        await cost.data();
        cost.dispose();
      }
    }
    return (performance.now() - begun) / this.steps;
  }
}

async function main() {
  const wanted = new URLSearchParams(location.search).get("only")?.split(",") ?? Object.keys(WORKLOADS);
  const rounds = Number(new URLSearchParams(location.search).get("rounds") ?? 5);
  await tf.setBackend("webgl");
  await tf.ready();
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const pyodide = await loadPyodide({ indexURL: new URL("./pyodide/", location.href).href });
  pyodide.registerJsModule("weblayers_glue", await import("./pyodide/weblayers_glue.mjs"));
  await pyodide.loadPackage("weblayers");
  pyodide.runPython(await (await fetch("workloads.py")).text());
  const python = (/** @type {string} */ source) => pyodide.runPythonAsync(source);

  const workloads = {};
  for (const name of wanted) {
    const size = WORKLOADS[name];
    const { batch, steps } = size;
    await python(`prepare("${name}", ${batch * steps})`);
    // each begins with an idle GPU
    const firstOurs = await python(`await run("${name}", ${batch}, 1)`);
    const peer = new Peer(name, size);
    await peer.ready();
    const firstTheirs = await peer.firstStep();
    say(`${name}: first step ${firstOurs.toFixed(0)} ms, TensorFlow.js ${firstTheirs.toFixed(0)} ms`);
    // warm up everything that is measured
    await python(`await run("${name}", ${batch}, ${steps})`);
    await peer.measured();
    const ours = [];
    /** @type {Record<string, number[]>} */
    const theirs = {};
    for (let round = 0; round < rounds; round++) {
      ours.push((await python(`await run("${name}", ${batch}, ${steps})`)) / steps);
      for (const [way, ms] of Object.entries(await peer.measured())) (theirs[way] ??= []).push(ms);
    }
    const best = Math.min(...Object.values(theirs).map(median));
    workloads[name] = {
      weblayers_ms: median(ours),
      tfjs_ms: Object.fromEntries(Object.entries(theirs).map(([way, times]) => [way, median(times)])),
      ratio: best / median(ours),
      weblayers_first_step_ms: firstOurs,
      tfjs_first_step_ms: firstTheirs,
      weblayers_compile_ms: await python(`compile_time("${name}", ${batch}, ${steps})`),
      draws_per_step: await python(`draws("${name}")`),
    };
    say(JSON.stringify(workloads[name], null, 1));
  }
  const renderer = await python("from weblayers.runtime import device\ndevice.current().device.caps()['renderer']");
  return { workloads, renderer };
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
