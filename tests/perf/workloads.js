// @ts-check
/** The benchmark's workloads: their data, and how many steps each contender makes of them at a time. */

export const VOCABULARY = 32;
export const WORDS = 2000;

/**
 * @typedef {object} Workload
 * @property {number[]} input shape of a sample
 * @property {number[]} target
 * @property {number} batch
 * @property {number} [samples] of the data set, of which there are epochs then; else there is one, with all steps
 * @property {number} [tokens] of so many kinds are the inputs
 * @property {boolean} [predicts] whether it is predictions that count
 * @property {Record<string, number>} steps of each contender that runs it: few for those that take long
 */

/** @type {Record<string, Workload>} */
export const WORKLOADS = {
  dense1: {
    input: [1], target: [1], batch: 4,
    steps: { wasm: 1000, webgl: 400, numpy: 20, tfjs_webgl: 100, tfjs_cpu: 200, tfjs_wasm: 200, jax_wasm: 200 },
  },
  xor: {
    input: [2], target: [1], batch: 4, samples: 4,
    steps: { wasm: 1000, webgl: 400, numpy: 20, tfjs_webgl: 50, tfjs_cpu: 100, tfjs_wasm: 100, jax_wasm: 100 },
  },
  playground: {
    input: [2], target: [1], batch: 32, samples: 256,
    steps: { wasm: 1000, webgl: 400, numpy: 16, tfjs_webgl: 48, tfjs_cpu: 48, tfjs_wasm: 96, jax_wasm: 96 },
  },
  regression: {
    input: [8], target: [1], batch: 32,
    steps: { wasm: 1000, webgl: 400, numpy: 20, tfjs_webgl: 40, tfjs_cpu: 40, tfjs_wasm: 100, jax_wasm: 100 },
  },
  mlp: {
    input: [784], target: [10], batch: 128,
    steps: { wasm: 50, webgl: 30, page: 30, numpy: 4, tfjs_webgl: 10, tfjs_wasm: 10, jax_wasm: 20 },
  },
  mnist_cnn: {
    input: [28, 28, 1], target: [10], batch: 64,
    steps: { wasm: 20, webgl: 20, page: 20, numpy: 1, tfjs_webgl: 4, tfjs_wasm: 4, jax_wasm: 4 },
  },
  lstm: {
    input: [40, 16], target: [10], batch: 32,
    steps: { wasm: 20, webgl: 10, page: 10, numpy: 2, tfjs_webgl: 3, tfjs_wasm: 5, jax_wasm: 3 },
  },
  gru: {
    input: [40, 16], target: [10], batch: 32,
    steps: { wasm: 20, webgl: 10, page: 10, numpy: 2, tfjs_webgl: 3, tfjs_wasm: 5 },
  },
  text: {
    input: [40], target: [2], batch: 32, tokens: WORDS,
    steps: { wasm: 20, webgl: 10, page: 10, numpy: 2, tfjs_webgl: 3, tfjs_wasm: 3 },
  },
  cnn_batchnorm: {
    input: [32, 32, 3], target: [10], batch: 32,
    steps: { wasm: 10, webgl: 10, page: 10, numpy: 1, tfjs_webgl: 3, tfjs_wasm: 3, jax_wasm: 2 },
  },
  autoencoder: {
    input: [28, 28, 1], target: [28, 28, 1], batch: 32,
    steps: { wasm: 20, webgl: 10, page: 10, numpy: 1, tfjs_webgl: 4, tfjs_wasm: 4 },
  },
  transformer: {
    input: [64], target: [64, VOCABULARY], batch: 16, tokens: VOCABULARY,
    steps: { wasm: 10, webgl: 10, page: 10, numpy: 1, tfjs_webgl: 3, tfjs_wasm: 3, jax_wasm: 3 },
  },
  predict_mobilenet: {
    input: [128, 128, 3], target: [1000], batch: 1, predicts: true,
    steps: { wasm: 8, webgl: 8, numpy: 1, tfjs_webgl: 4, tfjs_wasm: 8 },
  },
  predict_mobilenet_8: {
    input: [128, 128, 3], target: [1000], batch: 8, predicts: true,
    steps: { wasm: 2, webgl: 2, tfjs_webgl: 2, tfjs_wasm: 2 },
  },
};

/** @typedef {{x: Float32Array, y: Float32Array, samples: number, epochs: number}} Data */

/** What a contender trains with: so many epochs of so many samples. @param {string} name @param {number} steps @returns {Data} */
export function dataFor(name, steps) {
  const { input, target, batch, samples = batch * steps, tokens } = WORKLOADS[name];
  const size = (/** @type {number[]} */ shape) => shape.reduce((a, b) => a * b, samples);
  const random = tokens ? () => Math.floor(Math.random() * tokens) : Math.random;
  const x = Float32Array.from({ length: size(input) }, random);
  const y = new Float32Array(size(target));
  const classes = target[target.length - 1];
  if (name === "xor") {
    x.set([0, 0, 0, 1, 1, 0, 1, 1]);
    y.set([0, 1, 1, 0]);
  } else if (classes > 1) {
    for (let i = 0; i < y.length; i += classes) y[i + Math.floor(Math.random() * classes)] = 1;
  } else {
    for (let i = 0; i < y.length; i++) y[i] = x[(i * x.length) / y.length] * 2 - 1;
  }
  return { x, y, samples, epochs: (steps * batch) / samples };
}
