import assert from "node:assert/strict";
import { test } from "node:test";

import { parsePlan } from "../plan.js";

/** @param {object} header @param {number[]} floats @param {{magic?: string, offset?: number}} [options] */
function serialized(header, floats, { magic = "WLP1", offset = 0 } = {}) {
  let json = JSON.stringify(header);
  while (json.length % 4) json += " ";
  const bytes = new Uint8Array(offset + 8 + json.length + floats.length * 4);
  bytes.set(new TextEncoder().encode(magic), offset);
  new DataView(bytes.buffer).setUint32(offset + 4, json.length, true);
  bytes.set(new TextEncoder().encode(json), offset + 8);
  bytes.set(new Uint8Array(new Float32Array(floats).buffer), offset + 8 + json.length);
  return bytes.subarray(offset);
}

const HEADER = {
  version: 1,
  textures: [[1, 1, 1, "rgba32f"]],
  constants: [[0, 2, 3]],
  inputs: 1,
  outputs: [[0, 1, 1]],
  shaders: ["void main() {}"],
  scalar_inputs: 1,
  scalar_ops: [["neg", 0]],
  draws: [],
};

test("a plan is its header and views of its constants", () => {
  const plan = parsePlan(serialized(HEADER, [1, 2, 3, 4, 5]));
  assert.deepEqual(plan.textures, HEADER.textures);
  assert.deepEqual(plan.scalarOps, [["neg", 0]]);
  assert.equal(plan.scalarInputs, 1);
  assert.equal(plan.constants[0].texture, 0);
  assert.deepEqual([...plan.constants[0].data], [3, 4, 5]);
});

test("the bytes may lie at an odd offset", () => {
  const plan = parsePlan(serialized(HEADER, [1, 2, 3, 4, 5], { offset: 3 }));
  assert.deepEqual([...plan.constants[0].data], [3, 4, 5]);
});

test("what is not a plan, or one of another version, is refused by name", () => {
  assert.throws(() => parsePlan(serialized(HEADER, [], { magic: "PK34" })), /not a plan: it begins with "PK34"/);
  assert.throws(() => parsePlan(serialized({ ...HEADER, version: 2 }, [])), /version 2; this glue knows version 1/);
});
