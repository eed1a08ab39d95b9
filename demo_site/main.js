// @ts-check
/** The page: buttons, curves and the pad on one side, the Python program behind host.js on the other. */

import { Chart } from "./chart.js";
import { startHost } from "./host.js";
import { showPython } from "./highlight.js";
import { Pad } from "./pad.js";

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/** @typedef {"loading" | "ready" | "training" | "testing" | "trained" | "failed"} State */

const query = new URLSearchParams(location.search);

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;

const lossChart = new Chart($("loss-chart"), {
  label: "Loss over the training steps",
  top: 2.5,
  ticks: [0, 0.5, 1, 1.5, 2, 2.5],
  format: String,
});
const accuracyChart = new Chart($("accuracy-chart"), {
  label: "Accuracy over the training steps",
  top: 1,
  ticks: [0, 0.25, 0.5, 0.75, 1],
  format: (share) => `${100 * share}%`,
});

/** @type {import("./host.js").Host} */
let host;
let stepsPerEpoch = 0;
/** Steps since the page was opened; training again goes on. */
let stepsDone = 0;
/** The training that runs; `first` steps were done at `firstAt`, when the page heard of it first. */
let run = { epochs: 0, steps: 0, done: 0, first: 0, firstAt: 0, begun: 0 };

/** @param {State} state */
function setState(state) {
  document.body.dataset.state = state;
  const ready = state === "ready" || state === "trained";
  $("train").disabled = $("epochs").disabled = !ready;
  $("train").textContent = stepsDone ? "Train more" : "Train";
  $("stop").disabled = state !== "training";
  // The progress bar tells of steps: a screen reader need not read each of them.
  $("status").ariaLive = state === "training" ? "off" : "polite";
  $("example").disabled = state === "loading" || state === "failed";
}

/** @param {string} status @param {string} [eta] */
function say(status, eta = "") {
  $("status").textContent = status;
  $("eta").textContent = eta;
}

/** @param {string} id @param {number} value @param {string} text */
function setNumber(id, value, text) {
  $(id).value = String(value);
  $(id).textContent = text;
}

/** @param {unknown} problem @param {string} doing what failed */
function showError(problem, doing) {
  const message = problem instanceof Error ? problem.message : String(problem);
  // Of a Python traceback, the line with the exception is the one for everybody.
  const lines = message.trim().split("\n");
  const exception = lines.filter((line) => /^[\w.]+: /.test(line)).at(-1);
  $("error-text").textContent = `${doing} failed. ${exception ?? lines.at(-1)}`;
  $("error-details").textContent = message;
  $("error").hidden = false;
}

// -- what the program tells -----------------------------------------------------------------------

/** @param {ProgramEvent} event */
function onEvent(event) {
  if (event.type === "loading") {
    say(`${event.text} …`);
    $("progress").value = event.share;
  } else if (event.type === "backend") {
    showBackend(event.backend, event.why);
  } else if (event.type === "steps") {
    onSteps(event.steps);
  } else {
    // The network knows more now.
    readPad();
  }
}

const BACKENDS = {
  webgl: "WebGL2, on the graphics processor",
  wasm: "WebAssembly, on the processor",
  numpy: "NumPy, on the processor",
};

/** @param {string} backend @param {string} why the sentence of weblayers */
function showBackend(backend, why) {
  $("backend").textContent = BACKENDS[backend];
  $("why").textContent = why.slice(why.indexOf(": ") + 2);
  $("notice").textContent = "Training is slow here: neither WebAssembly nor WebGL2 is to be had.";
  $("notice").hidden = backend !== "numpy";
}

/** @param {[loss: number, accuracy: number][]} steps */
function onSteps(steps) {
  const now = performance.now();
  if (!stepsDone) $("loss").dataset.first = String(steps[0][0]);
  stepsDone += steps.length;
  run.done += steps.length;
  if (!run.firstAt) Object.assign(run, { first: run.done, firstAt: now });

  lossChart.add(steps.map(([loss]) => loss));
  accuracyChart.add(steps.map(([, accuracy]) => accuracy));
  setNumber("loss", lossChart.mean, lossChart.mean.toFixed(3));
  setNumber("accuracy", accuracyChart.mean, percent(accuracyChart.mean));
  $("progress").value = run.done / run.steps;

  const timed = run.done - run.first;
  const left = ((now - run.firstAt) / timed) * (run.steps - run.done);
  say(
    `Epoch ${Math.ceil(run.done / stepsPerEpoch)} of ${run.epochs}, step ${run.done} of ${run.steps}`,
    timed ? `${Math.ceil(left / 1000)} s left` : "",
  );
}

// -- train ----------------------------------------------------------------------------------------

async function train() {
  const epochs = $("epochs").valueAsNumber;
  const steps = epochs * stepsPerEpoch;
  run = { epochs, steps, done: 0, first: 0, firstAt: 0, begun: performance.now() };
  lossChart.expect(stepsDone + steps, stepsPerEpoch);
  accuracyChart.expect(stepsDone + steps, stepsPerEpoch);
  $("error").hidden = true;
  $("progress").value = 0;
  setState("training");
  say("Preparing the first step …");
  try {
    await host.call("train", epochs);
    const seconds = (performance.now() - run.begun) / 1000;
    setState("testing");
    say("Testing with images it has never seen …");
    const { accuracy } = await host.call("test");
    setNumber("test-accuracy", accuracy, percent(accuracy));
    const stopped = run.done < run.steps;
    say(`${stopped ? "Stopped after" : "Trained"} ${run.done} steps in ${seconds.toFixed(1)} s`);
    setState("trained");
    readPad();
  } catch (error) {
    showError(error, "Training");
    say("Training has failed");
    setState("ready");
  }
}

function stop() {
  $("stop").disabled = true;
  say("Stopping …");
  host.call("stop").catch((error) => showError(error, "Stopping"));
}

// -- draw and read --------------------------------------------------------------------------------

const bars = Array.from({ length: 10 }, (_, digit) => {
  const item = document.createElement("li");
  const bar = document.createElement("span");
  bar.className = "bar";
  bar.append(document.createElement("span"));
  item.append(bar, String(digit));
  $("probabilities").append(item);
  return { item, fill: /** @type {HTMLElement} */ (bar.firstChild) };
});

/** @type {Uint8Array | null} */
let image = null;
/** Whether a prediction is under way: what is drawn meanwhile waits, and only the newest counts. */
let reading = false;
let outdated = false;

const pad = new Pad($("pad"), $("preview"), (pixels) => {
  image = pixels;
  $("pad-hint").hidden = pixels !== null;
  readPad();
});

async function readPad() {
  outdated = true;
  if (reading || !stepsPerEpoch) return;
  reading = true;
  try {
    while (outdated) {
      outdated = false;
      showProbabilities(image && (await host.call("predict", image)));
    }
  } catch (error) {
    showError(error, "Reading the drawing");
  } finally {
    reading = false;
  }
}

/** @param {number[] | null} probabilities */
function showProbabilities(probabilities) {
  const largest = probabilities ? Math.max(...probabilities) : NaN;
  bars.forEach(({ item, fill }, digit) => {
    const share = probabilities?.[digit] ?? 0;
    item.className = share === largest ? "best" : "";
    item.title = percent(share);
    fill.style.transform = `scaleY(${share})`;
  });
  if (!probabilities) {
    $("answer").textContent = "–";
    $("sureness").textContent = "";
    return;
  }
  $("answer").textContent = String(probabilities.indexOf(largest));
  $("sureness").textContent = `${percent(largest)} sure${stepsDone ? "" : "; it has not learnt anything yet"}`;
}

// -- start ----------------------------------------------------------------------------------------

$("controls").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  train();
});
$("stop").addEventListener("click", stop);
$("clear").addEventListener("click", () => pad.clear());
$("example").addEventListener("click", async () => {
  try {
    pad.showImage(await host.call("example"));
  } catch (error) {
    showError(error, "Choosing a test image");
  }
});

async function showProgram() {
  const response = await fetch("digits.py");
  showPython($("program"), await response.text());
}

async function start() {
  try {
    showProgram();
    host = await startHost(onEvent, query.get("thread") === "main");
    $("thread").textContent = host.thread === "worker" ? "a web worker" : "the page's main thread";
    ({ stepsPerEpoch } = await host.call("load"));
    $("progress").value = 0;
    say("Ready");
    setState("ready");
    readPad();
    if (query.has("autorun")) train();
  } catch (error) {
    showError(error, "Loading");
    say("The program could not be loaded");
    setState("failed");
  }
}

start();
