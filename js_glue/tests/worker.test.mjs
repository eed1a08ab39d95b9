import assert from "node:assert/strict";
import { test } from "node:test";

import { canvas, page } from "./page.mjs";
import { createDevice } from "../index.js";
import { isHidden } from "../turns.js";

/** Run with a scope that is a worker's, or not, and with who makes canvases where. */
function where(inWorker, run) {
  const made = [];
  const making = (place) => {
    made.push(place);
    return canvas();
  };
  globalThis.WorkerGlobalScope = class {
    static [Symbol.hasInstance](value) {
      return inWorker && value === globalThis;
    }
  };
  globalThis.OffscreenCanvas = function () {
    return making("worker");
  };
  globalThis.document.createElement = () => making("page");
  try {
    run();
  } finally {
    delete globalThis.WorkerGlobalScope;
    delete globalThis.OffscreenCanvas;
    delete globalThis.document.createElement;
  }
  return made;
}

test("a page's canvas is an element", () => {
  assert.deepEqual(where(false, () => createDevice()), ["page"]);
});

test("a worker's canvas is its own, whatever document it is shown", () => {
  assert.deepEqual(where(true, () => createDevice()), ["worker"]);
});

test("a worker is not hidden, whatever document it is shown", () => {
  page.hidden = true;
  try {
    const seen = [];
    where(true, () => seen.push(isHidden()));
    where(false, () => seen.push(isHidden()));
    assert.deepEqual(seen, [false, true]);
  } finally {
    page.hidden = false;
  }
});
