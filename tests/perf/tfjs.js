// @ts-check
/** TensorFlow.js on a workload: its `fit`, and its bare optimizer on one batch that is already there; or its `predict`. */

import { MODELS } from "./models.js";
import { dataFor } from "./workloads.js";

const tf = globalThis.tf;

// one thread, as everybody: the page is not isolated
tf.wasm.setWasmPaths(new URL("./", location.href).href);

export class TfPeer {
  /** @param {string} backend which is set @param {string} name @param {import("./workloads.js").Workload} workload @param {number} steps */
  static async made(backend, name, workload, steps) {
    await tf.setBackend(backend);
    return new TfPeer(backend, name, workload, steps);
  }

  /** @param {string} backend @param {string} name @param {import("./workloads.js").Workload} workload @param {number} steps */
  constructor(backend, name, { batch, input, target, predicts = false }, steps) {
    const { x, y, samples, epochs } = dataFor(name, steps);
    Object.assign(this, { backend, batch, steps, epochs, predicts });
    this.model = MODELS[name]();
    this.x = tf.tensor(x, [samples, ...input]);
    this.y = tf.tensor(y, [samples, ...target]);
    this.batchX = this.x.slice([0], [batch]);
    this.batchY = this.y.slice([0], [batch]);
    this.loss = target[target.length - 1] > 1 ? tf.metrics.categoricalCrossentropy : tf.metrics.meanSquaredError;
  }

  /** Until weights and data are made, and on the device: reading them would take them from it. */
  async _ready() {
    for (const tensor of [this.x, this.y, this.batchX, this.batchY, ...this.model.getWeights()]) {
      const sum = tf.sum(tensor);
      await sum.data();
      sum.dispose();
    }
  }

  async firstStep() {
    await tf.setBackend(this.backend);
    await this._ready();
    const begun = performance.now();
    if (this.predicts) await this.predict(1);
    else await this.model.trainOnBatch(this.batchX, this.batchY);
    return performance.now() - begun;
  }

  /** Milliseconds of a step, every way there is. */
  async measured() {
    await tf.setBackend(this.backend);
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
    await this.model.fit(this.x, this.y, { epochs: this.epochs, batchSize: this.batch, verbose: 0 });
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

  dispose() {
    this.model.dispose();
    tf.dispose([this.x, this.y, this.batchX, this.batchY]);
  }
}
