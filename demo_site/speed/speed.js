// @ts-check
/** The page that measures: what is chosen runs by turns, and what comes of it stands in tables and in the address. */

import { CONTENDERS, measured } from "./contest.js";
import { rendererOf } from "./ours.js";
import { packed, tables, unpacked } from "./results.js";
import { WORKLOADS } from "./workloads.js";

const NAMES = {
  wasm: "weblayers, WebAssembly",
  webgl: "weblayers, WebGL",
  numpy: "weblayers, NumPy",
  tfjs_webgl: "TensorFlow.js, WebGL",
  tfjs_cpu: "TensorFlow.js, JavaScript",
  tfjs_wasm: "TensorFlow.js, WebAssembly",
  jax_wasm: "jax-js, WebAssembly",
};
const TITLES = {
  dense1: "One neuron, 4 samples",
  xor: "XOR, 2-8-1",
  playground: "2-8-8-1 network, 256 points",
  regression: "8-32-1 network, Adam",
  mlp: "784-128-10 network, batch 128",
  mnist_cnn: "Convolutions, 28x28, batch 64",
  lstm: "LSTM(64), 40 steps, batch 32",
  gru: "GRU(64), 40 steps, batch 32",
  text: "Embedding, bidirectional LSTM(32), 40 words",
  cnn_batchnorm: "Convolutions, batch normalization, 32x32",
  autoencoder: "Autoencoder, transposed convolutions",
  transformer: "Transformer, 2 blocks, 64 tokens",
  predict_mobilenet: "Prediction with MobileNet, 128x128",
  predict_mobilenet_8: "The same for 8 images at once",
};
// What is chosen at first takes a minute or two.
const FIRST = ["wasm", "webgl", "tfjs_webgl", "jax_wasm", "playground", "mlp", "mnist_cnn"];

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/** @param {string} id @param {Record<string, string>} names */
function offer(id, names) {
  for (const [value, text] of Object.entries(names)) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: id, value, checked: FIRST.includes(value) });
    label.append(box, ` ${text}`);
    $(id).append(label);
  }
}

/** @param {string} id @returns {string[]} */
const chosen = (id) => [...document.querySelectorAll(`input[name=${id}]:checked`)].map((box) => /** @type {HTMLInputElement} */ (box).value);

/** @param {import("./results.js").Results} results */
function show(results) {
  const { renderer, cores, browser, date } = results.machine;
  $("machine").textContent = [browser, `${cores} cores`, renderer && `WebGL by ${renderer}`, date].filter(Boolean).join(" · ");
  $("tables").replaceChildren(...tables(results, NAMES, TITLES));
  $("link").href = `#${packed(results)}`;
  $("results").hidden = false;
}

function browserName() {
  const brands = /** @type {any} */ (navigator).userAgentData?.brands ?? [];
  const real = brands.filter((/** @type {any} */ b) => !/not.?a.?brand/i.test(b.brand));
  const named = real.find((/** @type {any} */ b) => b.brand !== "Chromium") ?? real[0];
  return named ? `${named.brand} ${named.version}` : (navigator.userAgent.match(/(Firefox|Version|Chrome)\/[\d.]+/)?.[0] ?? "a browser");
}

async function measure() {
  const say = (/** @type {string} */ text) => ($("status").textContent = text);
  const [who, what, rounds] = [chosen("contenders"), chosen("workloads"), Number($("rounds").value)];
  if (!who.length || !what.length) return say("Choose at least one of each.");
  /** @type {import("./results.js").Results} */
  const results = { workloads: {}, machine: { renderer: "", cores: navigator.hardwareConcurrency, browser: browserName(), date: new Date().toISOString().slice(0, 10) } };
  const makers = {};
  for (const name of who) {
    say(`Loading ${NAMES[name]}`);
    try {
      makers[name] = await CONTENDERS[name]();
    } catch (error) {
      fail(`${NAMES[name]} does not load here: ${error.message ?? error}`);
    }
  }
  if (!Object.keys(makers).length) return say("Nothing of what was chosen loads here.");
  results.machine.renderer = rendererOf();
  for (const name of what) {
    const runs = Object.fromEntries(Object.entries(makers).filter(([who]) => who in WORKLOADS[name].steps));
    const { ms, first_step_ms, cannot } = await measured(name, runs, rounds, (text) => say(text.replace(name, TITLES[name])));
    results.workloads[name] = { ms, first: first_step_ms, cannot };
    // with as many digits as who follows the link will see
    show(unpacked(packed(results)));
  }
  history.replaceState(null, "", `#${packed(results)}`);
  say("Done.");
}

/** @param {string} text */
function fail(text) {
  $("error").textContent = text;
  $("error").hidden = false;
}

function open() {
  if (location.hash.length < 2) return;
  try {
    show(unpacked(location.hash.slice(1)));
    $("status").textContent = "These results came with the link; measure here to compare.";
  } catch {
    fail("The link does not carry results of this page.");
  }
}

offer("contenders", NAMES);
offer("workloads", TITLES);
open();
addEventListener("hashchange", open);
$("choice").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  $("start").disabled = true;
  $("error").hidden = true;
  try {
    await measure();
  } catch (error) {
    fail(`Measuring failed: ${error.message ?? error}`);
  }
  $("start").disabled = false;
});
