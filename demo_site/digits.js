// @ts-check
/** The page around the program: the pad, whose drawings the program reads, and who computes. */

import { Pad } from "./pad.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const program = /** @type {any} */ (document.querySelector("weblayers-run"));
/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
const query = new URLSearchParams(location.search);

/** @type {Uint8Array} */
let drawing = new Uint8Array();
const pad = new Pad($("pad"), $("preview"), (pixels) => {
  drawing = pixels ?? new Uint8Array();
  $("pad-hint").hidden = pixels !== null;
  program.send("drawing", drawing);
});
$("clear").addEventListener("click", () => pad.clear());

program.addEventListener("message", (/** @type {CustomEvent} */ { detail: { name, value } }) => {
  if (name === "show") pad.showImage(value);
  else if (name === "renewed") for (const id of ["loss", "accuracy", "test-accuracy"]) $(id).textContent = "–";
  else program.send("drawing", drawing);
});
program.addEventListener("ready", (/** @type {CustomEvent} */ { detail: { thread } }) => {
  $("thread").textContent = thread === "worker" ? "a web worker" : "the page's main thread";
});
program.addEventListener("backend", (/** @type {CustomEvent} */ { detail: { words, why } }) => {
  $("backend").textContent = words;
  $("why").textContent = why.slice(why.indexOf(": ") + 2);
});

program.addEventListener("epoch", (/** @type {CustomEvent} */ { detail: { logs } }) => {
  $("loss").textContent = logs.loss.toFixed(3);
  $("accuracy").textContent = percent(logs.acc);
  $("test-accuracy").textContent = percent(logs.val_acc);
});

if (query.get("thread") === "main") program.setAttribute("thread", "main");
if (query.has("autorun")) program.setAttribute("autorun", "");
