// @ts-check
/**
 * The models of the benchmark in jax-js: parameters, and what is computed of them. Functions consume their arguments, as
 * all of jax-js; `.ref` keeps one. Images are [batch, channels, height, width], as its convolutions take them.
 */

import { lax, nn, numpy as np } from "./jax/index.js";
import { VOCABULARY } from "./workloads.js";

/** @typedef {import("./jax/index.js").Array} Array_ */
/** @typedef {Record<string, Array_>} Parameters_ */
/**
 * @typedef {object} JaxModel
 * @property {() => Parameters_} parameters
 * @property {() => Parameters_} [statistics] what steps change without a gradient
 * @property {(p: Parameters_, x: Array_, s: Parameters_) => [Array_, Parameters_]} apply the output before the last
 *   activation where the loss has that in it, and the new statistics
 * @property {(output: Array_, y: Array_) => Array_} loss
 * @property {"sgd" | "adam"} optimizer
 * @property {number} [rate]
 */

/** @param {number[]} shape @param {number} fanIn @param {number} fanOut */
function glorot(shape, fanIn, fanOut) {
  const limit = Math.sqrt(6 / (fanIn + fanOut));
  const size = shape.reduce((a, b) => a * b, 1);
  return np.array(Float32Array.from({ length: size }, () => (2 * Math.random() - 1) * limit)).reshape(shape);
}

/** A dense layer's parameters. @param {string} name @param {number} inputs @param {number} units */
const dense = (name, inputs, units) => ({
  [`${name}_kernel`]: glorot([inputs, units], inputs, units),
  [`${name}_bias`]: np.zeros([units]),
});

/** @param {Parameters_} p @param {string} name @param {Array_} x */
const applyDense = (p, name, x) => np.matmul(x, p[`${name}_kernel`]).add(p[`${name}_bias`]);

/** @param {number} filters @param {number} channels @param {number} size */
const kernel = (filters, channels, size) =>
  glorot([filters, channels, size, size], channels * size * size, filters * size * size);

/** @param {Array_} x */
const maxPool = (x) => lax.reduceWindow(x, np.max, [2, 2], [2, 2]);
/** @param {Array_} x */
const flattened = (x) => x.reshape([x.shape[0], -1]);

/** @param {Array_} output @param {Array_} y */
function meanSquaredError(output, y) {
  const difference = output.sub(y);
  return np.square(difference).mean();
}

/** Of logits: the mean over all but the last axis. @param {Array_} logits @param {Array_} y */
function categoricalCrossentropy(logits, y) {
  return nn.logSoftmax(logits).mul(y).sum(-1).mean().neg();
}

/**
 * A chain of dense layers.
 * @param {number[]} sizes @param {(x: Array_) => Array_} activation of all but the last @param {(x: Array_) => Array_} last
 */
function denseNetwork(sizes, activation, last) {
  const layers = sizes.slice(1).map((_, i) => `dense${i}`);
  return {
    parameters: () => Object.assign({}, ...layers.map((name, i) => dense(name, sizes[i], sizes[i + 1]))),
    /** @param {Parameters_} p @param {Array_} x @param {Parameters_} s @returns {[Array_, Parameters_]} */
    apply(p, x, s) {
      let h = x;
      layers.forEach((name, i) => {
        h = applyDense(p, name, h);
        h = i < layers.length - 1 ? activation(h) : last(h);
      });
      return [h, s];
    },
  };
}

/** @param {Array_} x */
const identity = (x) => x;

/** Of training; gives the new moving averages too. @param {Parameters_} p @param {Parameters_} s @param {string} name @param {Array_} x */
function batchNormalization(p, s, name, x) {
  const axes = [0, 2, 3];
  const mean = x.ref.mean(axes, { keepdims: true });
  const centred = x.sub(mean.ref);
  const variance = np.square(centred.ref).mean(axes, { keepdims: true });
  const moved = {
    [`${name}_mean`]: s[`${name}_mean`].mul(0.99).add(lax.stopGradient(mean).mul(0.01)),
    [`${name}_variance`]: s[`${name}_variance`].mul(0.99).add(lax.stopGradient(variance.ref).mul(0.01)),
  };
  const scale = np.reciprocal(np.sqrt(variance.add(1e-3))).mul(p[`${name}_gamma`]);
  return /** @type {[Array_, Parameters_]} */ ([centred.mul(scale).add(p[`${name}_beta`]), moved]);
}

const BLOCKS = [0, 1];

/** @type {Record<string, JaxModel>} */
export const MODELS = {
  dense1: { ...denseNetwork([1, 1], identity, identity), loss: meanSquaredError, optimizer: "sgd", rate: 0.01 },
  xor: { ...denseNetwork([2, 8, 1], np.tanh, nn.sigmoid), loss: meanSquaredError, optimizer: "sgd", rate: 0.1 },
  playground: { ...denseNetwork([2, 8, 8, 1], np.tanh, np.tanh), loss: meanSquaredError, optimizer: "sgd", rate: 0.03 },
  regression: { ...denseNetwork([8, 32, 1], nn.relu, identity), loss: meanSquaredError, optimizer: "adam" },
  mlp: { ...denseNetwork([784, 128, 10], nn.relu, identity), loss: categoricalCrossentropy, optimizer: "adam" },
  mnist_cnn: {
    parameters: () => ({
      kernel0: kernel(8, 1, 5),
      bias0: np.zeros([8, 1, 1]),
      kernel1: kernel(16, 8, 5),
      bias1: np.zeros([16, 1, 1]),
      ...dense("out", 256, 10),
    }),
    apply(p, x, s) {
      let h = x;
      for (const i of [0, 1]) h = maxPool(nn.relu(lax.conv(h, p[`kernel${i}`], [1, 1], "VALID").add(p[`bias${i}`])));
      return [applyDense(p, "out", flattened(h)), s];
    },
    loss: categoricalCrossentropy,
    optimizer: "adam",
  },
  lstm: {
    parameters: () => ({
      kernel: glorot([16, 256], 16, 256),
      recurrent: glorot([64, 256], 64, 256),
      bias: np.concatenate([np.zeros([64]), np.ones([64]), np.zeros([128])]),
      ...dense("out", 64, 10),
    }),
    // there are no loops in jax-js: the steps are unrolled
    apply(p, x, s) {
      const [batch, steps] = x.shape;
      const projected = np.matmul(x, p.kernel).add(p.bias);
      let h = np.zeros([batch, 64]);
      let c = np.zeros([batch, 64]);
      for (let t = 0; t < steps; t++) {
        const z = projected.ref.slice([], t).add(np.matmul(h, p.recurrent.ref));
        const [i, f, g, o] = np.split(z, 4, 1);
        c = nn.sigmoid(f).mul(c).add(nn.sigmoid(i).mul(np.tanh(g)));
        h = nn.sigmoid(o).mul(np.tanh(c.ref));
      }
      for (const left of [projected, c, p.recurrent]) left.dispose();
      return [applyDense(p, "out", h), s];
    },
    loss: categoricalCrossentropy,
    optimizer: "adam",
  },
  cnn_batchnorm: {
    parameters: () => ({
      kernel0: kernel(16, 3, 3),
      kernel1: kernel(32, 16, 3),
      norm0_gamma: np.ones([16, 1, 1]),
      norm0_beta: np.zeros([16, 1, 1]),
      norm1_gamma: np.ones([32, 1, 1]),
      norm1_beta: np.zeros([32, 1, 1]),
      ...dense("out", 32 * 64, 10),
    }),
    statistics: () => ({
      norm0_mean: np.zeros([1, 16, 1, 1]),
      norm0_variance: np.ones([1, 16, 1, 1]),
      norm1_mean: np.zeros([1, 32, 1, 1]),
      norm1_variance: np.ones([1, 32, 1, 1]),
    }),
    apply(p, x, s) {
      let h = x;
      let moved = {};
      for (const i of [0, 1]) {
        const [y, more] = batchNormalization(p, s, `norm${i}`, lax.conv(h, p[`kernel${i}`], [1, 1], "SAME"));
        moved = { ...moved, ...more };
        h = maxPool(nn.relu(y));
      }
      return [applyDense(p, "out", flattened(h)), moved];
    },
    loss: categoricalCrossentropy,
    optimizer: "adam",
  },
  transformer: {
    parameters: () => ({
      tokens: glorot([VOCABULARY, 64], VOCABULARY, 64),
      positions: glorot([64, 64], 64, 64),
      ...Object.assign(
        {},
        ...BLOCKS.flatMap((i) => [
          ...["query", "key", "value", "output"].map((part) => dense(`${part}${i}`, 64, 64)),
          dense(`wide${i}`, 64, 128),
          dense(`narrow${i}`, 128, 64),
          ...["attended", "fed"].map((part) => ({
            [`${part}${i}_gamma`]: np.ones([64]),
            [`${part}${i}_beta`]: np.zeros([64]),
          })),
        ]),
      ),
      ...dense("out", 64, VOCABULARY),
    }),
    apply(p, x, s) {
      const [batch, steps] = x.shape;
      /** @param {string} name @param {Array_} h */
      const normalized = (name, h) =>
        nn.standardize(h, -1, { epsilon: 1e-5 }).mul(p[`${name}_gamma`]).add(p[`${name}_beta`]);
      let h = np.take(p.tokens, x.astype(np.int32), 0).add(p.positions);
      for (const i of BLOCKS) {
        const [query, key, value] = ["query", "key", "value"].map((part) =>
          applyDense(p, `${part}${i}`, h.ref).reshape([batch, steps, 4, 16]));
        const mixed = nn.dotProductAttention(query, key, value).reshape([batch, steps, 64]);
        h = normalized(`attended${i}`, h.add(applyDense(p, `output${i}`, mixed)));
        const wide = nn.relu(applyDense(p, `wide${i}`, h.ref));
        h = normalized(`fed${i}`, h.add(applyDense(p, `narrow${i}`, wide)));
      }
      return [applyDense(p, "out", h), s];
    },
    loss: categoricalCrossentropy,
    optimizer: "adam",
  },
};
