// @ts-check
/** Trains the same models with weblayers and with TensorFlow.js, by turns, and reports medians. */

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

// TensorFlow.js' WebGL backend takes 1e-4 for Adam's epsilon by default; both sides get the same.
const adam = () => tf.train.adam(0.001, 0.9, 0.999, 1e-7);

const MODELS = {
  dense1() {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: tf.train.sgd(0.01), loss: "meanSquaredError" });
    return model;
  },
  mlp() {
    const model = tf.sequential();
    model.add(tf.layers.dense({ units: 128, activation: "relu", inputShape: [784] }));
    model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    return model;
  },
  mnist_cnn() {
    const model = tf.sequential();
    model.add(tf.layers.conv2d({ filters: 8, kernelSize: 5, activation: "relu", inputShape: [28, 28, 1] }));
    model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
    model.add(tf.layers.conv2d({ filters: 16, kernelSize: 5, activation: "relu" }));
    model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
    model.add(tf.layers.flatten());
    model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    return model;
  },
};

const WORKLOADS = {
  dense1: { batch: 4, steps: 400, tfSteps: 100 },
  mlp: { batch: 128, steps: 30, tfSteps: 10 },
  mnist_cnn: { batch: 64, steps: 20, tfSteps: 5 },
};

/** TensorFlow.js on a workload: its fit, and its bare optimizer on one batch that is already there. */
class Peer {
  /** @param {string} name @param {{batch: number, tfSteps: number}} size */
  constructor(name, { batch, tfSteps }) {
    this.batch = batch;
    this.steps = tfSteps;
    this.model = MODELS[name]();
    const samples = batch * tfSteps;
    const shape = this.model.inputs[0].shape.slice(1);
    const classes = this.model.outputs[0].shape[1];
    this.x = tf.randomUniform([samples, ...shape]);
    this.y = classes > 1
      ? tf.tidy(() => tf.oneHot(tf.randomUniform([samples], 0, classes, "int32"), classes).toFloat())
      : tf.tidy(() => this.x.mul(2).sub(1));
    this.batchX = this.x.slice([0], [batch]);
    this.batchY = this.y.slice([0], [batch]);
    this.loss = classes > 1 ? tf.metrics.categoricalCrossentropy : tf.metrics.meanSquaredError;
  }

  async firstStep() {
    const begun = performance.now();
    await this.model.trainOnBatch(this.batchX, this.batchY);
    return performance.now() - begun;
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
    const peer = new Peer(name, size);
    const firstOurs = await python(`await run("${name}", ${batch}, 1)`);
    const firstTheirs = await peer.firstStep();
    say(`${name}: first step ${firstOurs.toFixed(0)} ms, TensorFlow.js ${firstTheirs.toFixed(0)} ms`);
    // warm up everything that is measured
    await python(`await run("${name}", ${batch}, ${steps})`);
    await peer.fit();
    await peer.minimize();
    const ours = [];
    const fit = [];
    const minimize = [];
    for (let round = 0; round < rounds; round++) {
      ours.push((await python(`await run("${name}", ${batch}, ${steps})`)) / steps);
      fit.push(await peer.fit());
      minimize.push(await peer.minimize());
    }
    const best = Math.min(median(fit), median(minimize));
    workloads[name] = {
      weblayers_ms: median(ours),
      tfjs_fit_ms: median(fit),
      tfjs_minimize_ms: median(minimize),
      ratio: best / median(ours),
      weblayers_first_step_ms: firstOurs,
      tfjs_first_step_ms: firstTheirs,
      draws_per_step: await python(`draws("${name}", ${batch}, ${steps})`),
    };
    say(JSON.stringify(workloads[name], null, 1));
  }
  const renderer = await python("from weblayers.runtime import device\ndevice.current().device.caps().renderer");
  return { workloads, renderer };
}

globalThis.bench = main().catch((error) => ({ error: String(error.stack ?? error) }));
