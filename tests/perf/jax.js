// @ts-check
/** jax-js on a workload: its whole training step in one `jit`, on one batch that is already there. */

import { blockUntilReady, defaultDevice, init, jit, numpy as np, tree, valueAndGrad } from "./jax/index.js";
import { MODELS } from "./jax_models.js";
import { dataFor } from "./workloads.js";

/** @typedef {import("./jax_models.js").Parameters_} Parameters_ */
/** @typedef {import("./jax/index.js").Array} Array_ */

const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-7];

/** @param {Parameters_} parameters */
const zerosLike = (parameters) => Object.fromEntries(Object.entries(parameters).map(([k, p]) => [k, np.zeros(p.shape)]));

/** @param {string} optimizer @param {Parameters_} parameters @returns {any} what the optimizer remembers */
function optimizerState(optimizer, parameters) {
  if (optimizer === "sgd") return {};
  return { m: zerosLike(parameters), v: zerosLike(parameters), power1: np.array([1]), power2: np.array([1]) };
}

/** @param {any} model @param {Parameters_} p @param {Parameters_} gradient @param {any} state @returns {[Parameters_, any]} */
function updated(model, p, gradient, state) {
  const rate = model.rate ?? 0.001;
  const names = Object.keys(p);
  /** @param {(name: string) => Array_} of */
  const each = (of) => Object.fromEntries(names.map((name) => [name, of(name)]));
  if (model.optimizer === "sgd") return [each((name) => p[name].sub(gradient[name].mul(rate))), {}];
  const power1 = state.power1.mul(BETA1);
  const power2 = state.power2.mul(BETA2);
  const size1 = np.array(1).sub(power1.ref);
  const size2 = np.array(1).sub(power2.ref);
  const m = each((name) => state.m[name].mul(BETA1).add(gradient[name].ref.mul(1 - BETA1)));
  const v = each((name) => state.v[name].mul(BETA2).add(np.square(gradient[name]).mul(1 - BETA2)));
  const after = each((name) => {
    const step = m[name].ref.div(size1.ref).div(np.sqrt(v[name].ref.div(size2.ref)).add(EPSILON));
    return p[name].sub(step.mul(rate));
  });
  size1.dispose();
  size2.dispose();
  return [after, { m, v, power1, power2 }];
}

/** One training step. @param {any} model */
function stepOf(model) {
  return jit((/** @type {any} */ { p, state, s }, /** @type {Array_} */ x, /** @type {Array_} */ y) => {
    const loss = (/** @type {Parameters_} */ q) => {
      const [output, moved] = model.apply(q, x, s);
      return [model.loss(output, y), moved];
    };
    const [[cost, moved], gradient] = /** @type {any} */ (valueAndGrad(/** @type {any} */ (loss), { hasAux: true }))(tree.ref(p));
    const [after, remembered] = updated(model, p, gradient, state);
    return { cost, all: { p: after, state: remembered, s: moved } };
  });
}

/** The images of jax-js have their channels first. @param {number[]} shape */
const channelsFirst = (shape) => (shape.length === 3 ? [shape[2], shape[0], shape[1]] : shape);

export async function startJax() {
  await init("wasm");
  defaultDevice("wasm");
}

export class JaxPeer {
  /** @param {string} name @param {import("./workloads.js").Workload} workload @param {number} steps */
  constructor(name, workload, steps) {
    const { batch, input, target } = workload;
    const model = MODELS[name];
    const { x, y, samples } = dataFor(name, 1);
    const p = model.parameters();
    this.steps = steps;
    this.x = np.array(x).reshape([samples, ...channelsFirst(input)]).slice([0, batch]);
    this.y = np.array(y).reshape([samples, ...target]).slice([0, batch]);
    this.all = { p, state: optimizerState(model.optimizer, p), s: model.statistics?.() ?? {} };
    this.step = stepOf(model);
  }

  async firstStep() {
    await blockUntilReady([this.x, this.y, this.all]);
    return this.train(1);
  }

  async measured() {
    return { step: (await this.train(this.steps)) / this.steps };
  }

  /** Milliseconds of so many steps. @param {number} steps */
  async train(steps) {
    const begun = performance.now();
    for (let i = 0; i < steps; i++) {
      const { cost, all } = /** @type {any} */ (this.step(this.all, this.x.ref, this.y.ref));
      this.all = all;
      if (i < steps - 1) cost.dispose();
      else await cost.data();
    }
    await blockUntilReady(this.all);
    return performance.now() - begun;
  }

  dispose() {
    tree.dispose([this.all, this.x, this.y]);
    this.step.dispose();
  }
}
