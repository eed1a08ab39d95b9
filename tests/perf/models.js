// @ts-check
/** The models of the benchmark in TensorFlow.js; workloads.py has the same in Python. */

import { VOCABULARY, WORDS } from "./workloads.js";

const tf = globalThis.tf;

// TensorFlow.js' WebGL backend takes 1e-4 for Adam's epsilon by default; both sides get the same.
const adam = () => tf.train.adam(0.001, 0.9, 0.999, 1e-7);

/** @param {number[]} sizes @param {string} activation of all but the last @param {string} last @param {any} optimizer */
function denseNetwork([inputs, ...sizes], activation, last, optimizer) {
  const model = tf.sequential();
  sizes.forEach((units, i) => {
    const input = i ? {} : { inputShape: [inputs] };
    model.add(tf.layers.dense({ units, activation: i < sizes.length - 1 ? activation : last, ...input }));
  });
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

/** Multi-head self-attention, which TensorFlow.js has not: written with its ops, as its users would. */
class SelfAttention extends tf.layers.Layer {
  /** @param {{heads: number, units: number}} config */
  constructor({ heads, units }) {
    super({});
    this.heads = heads;
    this.units = units;
  }

  build() {
    const { units } = this;
    const glorot = tf.initializers.glorotUniform({});
    this.kernels = ["query", "key", "value", "output"].map((n) => this.addWeight(n, [units, units], "float32", glorot));
    const zeros = tf.initializers.zeros();
    this.biases = ["query", "key", "value", "output"].map((n) => this.addWeight(`${n}_bias`, [units], "float32", zeros));
    this.built = true;
  }

  /** @param {number[]} shape */
  computeOutputShape(shape) {
    return shape;
  }

  /** @param {any} inputs */
  call(inputs) {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      const [batch, steps, units] = x.shape;
      const size = units / this.heads;
      const rows = x.reshape([batch * steps, units]);
      const part = (/** @type {number} */ i) =>
        rows.matMul(this.kernels[i].read()).add(this.biases[i].read()).reshape([batch, steps, this.heads, size])
          .transpose([0, 2, 1, 3]);
      const scores = tf.softmax(tf.matMul(part(0).mul(1 / Math.sqrt(size)), part(1), false, true));
      const mixed = tf.matMul(scores, part(2)).transpose([0, 2, 1, 3]).reshape([batch * steps, units]);
      return mixed.matMul(this.kernels[3].read()).add(this.biases[3].read()).reshape([batch, steps, units]);
    });
  }

  static get className() {
    return "SelfAttention";
  }
}

/** A learned vector for each position, added. */
class Positions extends tf.layers.Layer {
  /** @param {number[]} shape */
  build([, steps, units]) {
    this.table = this.addWeight("embeddings", [steps, units], "float32", tf.initializers.randomUniform({}));
    this.built = true;
  }

  /** @param {number[]} shape */
  computeOutputShape(shape) {
    return shape;
  }

  /** @param {any} inputs */
  call(inputs) {
    return tf.add(Array.isArray(inputs) ? inputs[0] : inputs, this.table.read());
  }

  static get className() {
    return "Positions";
  }
}

/** @param {any} x @param {number} filters @param {number} strides */
function separable(x, filters, strides) {
  let h = tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: "same", useBias: false }).apply(x);
  h = tf.layers.reLU({ maxValue: 6 }).apply(tf.layers.batchNormalization().apply(h));
  h = tf.layers.conv2d({ filters, kernelSize: 1, useBias: false }).apply(h);
  return tf.layers.reLU({ maxValue: 6 }).apply(tf.layers.batchNormalization().apply(h));
}

/** @type {Record<string, () => any>} */
export const MODELS = {
  dense1: () => denseNetwork([1, 1], "linear", "linear", tf.train.sgd(0.01)),
  xor: () => denseNetwork([2, 8, 1], "tanh", "sigmoid", tf.train.sgd(0.1)),
  playground: () => denseNetwork([2, 8, 8, 1], "tanh", "tanh", tf.train.sgd(0.03)),
  regression: () => denseNetwork([8, 32, 1], "relu", "linear", adam()),
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
  lstm() {
    const model = tf.sequential();
    model.add(tf.layers.lstm({ units: 64, inputShape: [40, 16] }));
    model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy" });
    return model;
  },
  gru() {
    const model = tf.sequential();
    model.add(tf.layers.gru({ units: 64, inputShape: [40, 16] }));
    model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy" });
    return model;
  },
  text() {
    const model = tf.sequential();
    model.add(tf.layers.embedding({ inputDim: WORDS, outputDim: 32, inputLength: 40 }));
    model.add(tf.layers.bidirectional({ layer: tf.layers.lstm({ units: 32 }), mergeMode: "concat" }));
    model.add(tf.layers.dense({ units: 2, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy" });
    return model;
  },
  autoencoder() {
    const model = tf.sequential();
    const same = { kernelSize: 3, strides: 2, padding: "same" };
    model.add(tf.layers.conv2d({ filters: 16, ...same, activation: "relu", inputShape: [28, 28, 1] }));
    model.add(tf.layers.conv2d({ filters: 32, ...same, activation: "relu" }));
    model.add(tf.layers.conv2dTranspose({ filters: 16, ...same, activation: "relu" }));
    model.add(tf.layers.conv2dTranspose({ filters: 1, ...same, activation: "sigmoid" }));
    model.compile({ optimizer: adam(), loss: "meanSquaredError" });
    return model;
  },
  cnn_batchnorm() {
    const model = tf.sequential();
    const block = (/** @type {number} */ filters, /** @type {object} */ more = {}) => {
      model.add(tf.layers.conv2d({ filters, kernelSize: 3, padding: "same", useBias: false, ...more }));
      model.add(tf.layers.batchNormalization());
      model.add(tf.layers.activation({ activation: "relu" }));
      model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
    };
    block(16, { inputShape: [32, 32, 3] });
    block(32);
    model.add(tf.layers.flatten());
    model.add(tf.layers.dense({ units: 10, activation: "softmax" }));
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy" });
    return model;
  },
  transformer() {
    const units = 64;
    const tokens = tf.input({ shape: [64] });
    let h = tf.layers.embedding({ inputDim: VOCABULARY, outputDim: units }).apply(tokens);
    h = new Positions({}).apply(h);
    for (let i = 0; i < 2; i++) {
      const attended = new SelfAttention({ heads: 4, units }).apply(h);
      h = tf.layers.layerNormalization({ epsilon: 1e-5 }).apply(tf.layers.add().apply([h, attended]));
      const wide = tf.layers.dense({ units: 2 * units, activation: "relu" }).apply(h);
      const narrow = tf.layers.dense({ units }).apply(wide);
      h = tf.layers.layerNormalization({ epsilon: 1e-5 }).apply(tf.layers.add().apply([h, narrow]));
    }
    const out = tf.layers.dense({ units: VOCABULARY, activation: "softmax" }).apply(h);
    const model = tf.model({ inputs: tokens, outputs: out });
    model.compile({ optimizer: adam(), loss: "categoricalCrossentropy" });
    return model;
  },
  predict_mobilenet() {
    const image = tf.input({ shape: [128, 128, 3] });
    let h = tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, padding: "same", useBias: false }).apply(image);
    h = tf.layers.reLU({ maxValue: 6 }).apply(tf.layers.batchNormalization().apply(h));
    const blocks = [[64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], ...Array(5).fill([512, 1]), [1024, 2], [1024, 1]];
    for (const [filters, strides] of blocks) h = separable(h, filters, strides);
    h = tf.layers.globalAveragePooling2d({}).apply(h);
    return tf.model({ inputs: image, outputs: tf.layers.dense({ units: 1000, activation: "softmax" }).apply(h) });
  },
};
// of eight images at a time
MODELS.predict_mobilenet_8 = MODELS.predict_mobilenet;
