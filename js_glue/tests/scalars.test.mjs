import assert from "node:assert/strict";
import { test } from "node:test";

import { evaluator } from "../scalars.js";

test("registers are the inputs, then one per operation", () => {
  // a learning rate that decays: rate / (1 + decay * step)
  const run = evaluator(3, [["const", 1], ["mul", 1, 2], ["add", 3, 4], ["div", 0, 5]]);
  assert.deepEqual([...run([0.5, 0.1, 10])], [0.5, 0.1, 10, 1, 1, 2, 0.25]);
  assert.equal(run([0.5, 0.1, 30])[6], 0.125);
});

test("constants may be infinite", () => {
  const run = evaluator(1, [["const", "-Infinity"], ["max", 0, 1], ["const", "NaN"]]);
  assert.deepEqual([...run([3])], [3, -Infinity, 3, NaN]);
});

test("rounding is half to even, and modulo takes the divisor's sign", () => {
  const round = evaluator(1, [["round", 0]]);
  assert.deepEqual([0.5, 1.5, 2.5, -0.5, -1.5, 2.4].map((x) => round([x])[1] + 0), [0, 2, 2, 0, -2, 2]);
  const mod = evaluator(2, [["mod", 0, 1]]);
  assert.deepEqual([[7, 3], [-7, 3], [7, -3]].map((pair) => mod(pair)[2]), [1, 2, -2]);
});

test("a condition chooses and does not compute: the other side may be NaN", () => {
  const run = evaluator(2, [["const", NaN], ["lt", 0, 1], ["where", 3, 0, 2]]);
  assert.equal(run([1, 2])[4], 1);
  assert.ok(Number.isNaN(run([2, 1])[4]));
});

test("an operation that the glue does not know is named when the plan is loaded", () => {
  assert.throws(() => evaluator(1, [["frobnicate", 0]]), /unknown scalar operation frobnicate/);
});
