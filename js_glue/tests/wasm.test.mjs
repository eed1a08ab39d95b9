import assert from "node:assert/strict";
import { test } from "node:test";

import { column, outcome, page, spec } from "./page.mjs";
import { createWasmDevice } from "../index.js";
import { Heap } from "../wasm/heap.js";

// time passes whenever somebody looks
const PACE = 0.5;
globalThis.performance = { now: () => (page.now += PACE) };

/** A module whose function "0" adds its uniform to one texture of a column, row by row, and writes another. */
function adding() {
  const address = (word, row) => [0x20, 0, 0x28, 2, 4 * word, 0x20, row, 0x41, 4, 0x74, 0x6a];
  const code = [
    [0x03, 0x40],
    address(2, 1),
    address(1, 1),
    [0xfd, 0x00, 4, 0], // v128.load
    [0x20, 0, 0xfd, 0x09, 2, 12], // v128.load32_splat of the uniform
    [0xfd, 0xe4, 1], // f32x4.add
    [0xfd, 0x0b, 4, 0], // v128.store
    [0x20, 1, 0x41, 1, 0x6a, 0x22, 1, 0x20, 2, 0x48, 0x0d, 0, 0x0b, 0x0b],
  ].flat();
  const sections = [
    [1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]],
    [2, [1, 1, 0x6d, 1, 0x6d, 2, 0, 1]],
    [3, [1, 0]],
    [7, [1, 1, 0x30, 0, 0]],
    [10, [1, code.length + 1, 0, ...code]],
  ];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  return new Uint8Array([...header, ...sections.flatMap(([id, body]) => [id, body.length, ...body])]);
}

/** A plan of calls of that function, each from a slot to another. */
function planBytes({ calls, ...header }) {
  const module = adding();
  const full = {
    version: 1,
    textures: [],
    constants: [],
    inputs: 1,
    outputs: [[1, 1, 1]],
    scalar_inputs: 1,
    scalar_ops: [],
    module: module.length,
    draws: calls.map(({ from, to, rows = 1, work = 1000 }) => {
      return { function: 0, first: 0, rows: [0, rows], samplers: [from], targets: [to], uniforms: [0], work };
    }),
    ...header,
  };
  let text = JSON.stringify(full);
  text += " ".repeat((8 - ((8 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(8 + text.length + module.length);
  bytes.set(new TextEncoder().encode("WLP1" + "\0\0\0\0" + text));
  bytes.set(module, 8 + text.length);
  new DataView(bytes.buffer).setUint32(4, text.length, true);
  return bytes;
}

function filled(device, values) {
  const id = device.alloc(1, values.length, 1, "rgba32f");
  device.upload(id, 0, 0, 1, values.length, Float32Array.from(values.flatMap((v) => [v, v, v, v])));
  return id;
}

const read = (device, id, rows = 1) => column(device.readSync(id, 0, 0, 1, rows));

/** Adds the scalar to the state (output 1 in the place of input 0), and logs the sum (output 0). */
const counting = { outputs: [[1, 1, 1], [1, 1, 1]], calls: [{ from: 0, to: 2 }, { from: 0, to: 1 }] };

function job(device, steps, more = {}) {
  const plan = device.loadPlan(planBytes(counting));
  const [state, next] = [filled(device, [0]), filled(device, [0])];
  const order = spec(plan, steps, { inputs: [state], outputs: [0, next], swaps: [[0, 1]], scalars: [1], increments: [0], ...more });
  return { plan, state, next, running: device.train(order) };
}

test("a plan runs at once", () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes({ calls: [{ from: 0, to: 1 }] }));
  const [out] = device.run(plan, [filled(device, [2])], [40]);
  assert.deepEqual(read(device, out), [42]);
  assert.equal(device.counters().draws, 1);
});

/** Adds its uniform to a column, in many draws all of which are timed: whoever looks at the clock takes a while. */
const SLOW = {
  textures: [[1, 64, 1, "rgba32f"]],
  outputs: [[1, 64, 1]],
  calls: Array.from({ length: 40 }, (_, i) => ({ from: 1, to: i < 39 ? 0 : 2, rows: 64, work: 4e6 })),
};

test("what takes long is done in slices, and what comes after it in its turn", async () => {
  const device = createWasmDevice();
  const [slow, plan] = [SLOW, { calls: [{ from: 0, to: 1 }] }].map((header) => device.loadPlan(planBytes(header)));
  const numbers = Array.from({ length: 64 }, (_, i) => i);
  const input = filled(device, numbers);
  const [first] = device.run(slow, [input], [1]);
  const other = filled(device, [7]);
  const [second] = device.run(plan, [other], [1]);
  assert.ok(device.queue.isBusy);
  // memory that is given back may be handed out, and written, later
  device.free([input, other]);
  const last = filled(device, Array(64).fill(0));
  let turns = 0;
  const count = () => {
    turns++;
    if (device.queue.isBusy) setTimeout(count, 1);
  };
  setTimeout(count, 1);
  const reads = [device.read(first, 0, 0, 1, 64), device.read(second, 0, 0, 1, 1)];
  const [a, b] = (await outcome(Promise.all(reads))).value;
  assert.deepEqual(column(a), numbers.map((v) => v + 1));
  assert.deepEqual(column(b), [8]);
  assert.deepEqual(read(device, last, 64), Array(64).fill(0));
  assert.ok(turns > 3);
  assert.equal(device.counters().draws, 41);
});

test("who reads at once has all done that was asked for", async () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes(SLOW));
  const input = filled(device, Array(64).fill(2));
  const [one] = device.run(plan, [input], [1]);
  const [two] = device.run(plan, [one], [1]);
  const promised = outcome(device.read(two, 0, 0, 1, 64));
  assert.deepEqual(read(device, two, 64), Array(64).fill(4));
  assert.ok(!device.queue.isBusy);
  assert.deepEqual(column((await promised).value), Array(64).fill(4));
});

test("a job begins after what was asked for before", async () => {
  const device = createWasmDevice();
  const slow = device.loadPlan(planBytes(SLOW));
  const input = filled(device, Array(64).fill(5));
  const [state] = device.run(slow, [input], [1]);
  const plan = device.loadPlan(planBytes(counting));
  const next = filled(device, [0]);
  const order = spec(plan, 2, { inputs: [state], outputs: [0, next], swaps: [[0, 1]], scalars: [1], increments: [0] });
  const { value } = await outcome(device.train(order).promise);
  assert.deepEqual(column(value.logs), [7, 8]);
});

test("memory is exchanged for a smaller one once nobody works on it", async () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes(SLOW));
  const input = filled(device, Array(64).fill(2));
  const large = Array.from({ length: 4 }, () => device.alloc(1024, 1024, 2, "rgba32f"));
  const size = device.arena.bytes.length;
  const [out] = device.run(plan, [input], [1]);
  device.free(large);
  assert.equal(device.arena.bytes.length, size);
  assert.deepEqual(read(device, out, 64), Array(64).fill(3));
  device.free([input]);
  assert.ok(device.arena.bytes.length < size / 8);
  assert.deepEqual(read(device, out, 64), Array(64).fill(3));
});

test("what goes wrong in a slice is told to who reads next, and the rest is done", async () => {
  const device = createWasmDevice();
  const [slow, plan] = [SLOW, { calls: [{ from: 0, to: 1 }] }].map((header) => device.loadPlan(planBytes(header)));
  const [one] = device.run(slow, [filled(device, Array(64).fill(2))], [1]);
  device.queue.add(() => {
    throw new Error("unreachable");
  });
  const [two] = device.run(plan, [filled(device, [1])], [1]);
  assert.deepEqual(await outcome(device.read(one, 0, 0, 1, 64)), { status: "failed", message: "unreachable" });
  assert.deepEqual(column((await outcome(device.read(two, 0, 0, 1, 1))).value), [2]);
});

test("runs of a plan, by one call: state goes back in, and of the rest all outputs are there", () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes(counting));
  const state = filled(device, [10]);
  const { calls, runs } = device.counters();
  const { textures } = device.memory();
  const order = { plan, steps: 4, inputs: [state], swaps: [[0, 1]], kept: [0], scalars: [1], increments: [2], freed: [] };
  const made = device.repeat(order);
  assert.deepEqual([device.counters().calls - calls, device.counters().runs - runs], [1, 4]);
  assert.deepEqual(made.filter((_, i) => i % 2 === 0).map((id) => read(device, id)[0]), [11, 14, 19, 26]);
  assert.deepEqual(made.filter((_, i) => i % 2 === 1).slice(0, -1), [0, 0, 0]);
  assert.deepEqual([read(device, made.at(-1)), read(device, state)], [[26], [10]]);
  assert.equal(device.memory().textures - textures, 5);
});

test("runs for which there is no memory leave nothing", () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes({ outputs: [[4096, 4096 * 3, 1]], calls: [{ from: 0, to: 1 }] }));
  const input = filled(device, [1]);
  const before = device.memory().textures;
  const order = { plan, steps: 8, inputs: [input], swaps: [], kept: [0], scalars: [1], increments: [0], freed: [] };
  assert.throws(() => device.repeat(order), /no memory/);
  assert.equal(device.memory().textures, before);
});

test("steps follow each other, with their scalars, and log", async () => {
  const device = createWasmDevice();
  const { state, next, running } = job(device, 5, { increments: [1] });
  const { value } = await outcome(running.promise);
  assert.deepEqual(column(value.logs), [1, 3, 6, 10, 15]);
  assert.equal(value.swapped, true);
  assert.deepEqual([read(device, state), read(device, next)], [[10], [15]]);
  assert.equal(device.counters().steps, 5);
});

test("the page has its turn, and a pause, a change and an end take effect after a step", async () => {
  const device = createWasmDevice();
  const rows = [];
  const { running } = job(device, 1e6, { onLogs: (first, told) => rows.push([first, told.length / 4]), logEvery: "step" });
  await outcome(new Promise((resolve) => setTimeout(resolve, 40)));
  running.pause();
  await outcome(new Promise((resolve) => setTimeout(resolve, 40)));
  const at = running.issued;
  assert.ok(at > 0 && at < 1e6);
  await outcome(new Promise((resolve) => setTimeout(resolve, 40)));
  assert.equal(running.issued, at);
  running.setScalar(0, 1000);
  running.resume();
  await outcome(new Promise((resolve) => setTimeout(resolve, 40)));
  running.cancel();
  const { value } = await outcome(running.promise);
  assert.equal(value.cancelled, true);
  const logs = column(value.logs);
  assert.equal(logs[at - 1], at);
  assert.equal(logs[at], at + 1000);
  // told in order, each once
  let told = 0;
  for (const [first, count] of rows) {
    assert.equal(first, told);
    told += count;
  }
  assert.equal(told, value.steps);
});

test("a draw that takes long is cut between rows", async () => {
  const device = createWasmDevice();
  const rows = 64;
  const plan = device.loadPlan(
    planBytes({ outputs: [[1, 1, 1], [1, rows, 1]], calls: [{ from: 0, to: 2, rows, work: 64e7 }, { from: 0, to: 1 }] }),
  );
  const input = filled(device, Array.from({ length: rows }, (_, i) => i));
  const output = filled(device, Array(rows).fill(0));
  const running = device.train(spec(plan, 1, { inputs: [input], outputs: [0, output], scalars: [0.5], increments: [0] }));
  await outcome(running.promise);
  assert.deepEqual(read(device, output, rows), Array.from({ length: rows }, (_, i) => i + 0.5));
  assert.ok(device.counters().slices > 1);
});

test("what is freed under a job lives until its end", async () => {
  const device = createWasmDevice();
  const { plan, state, next, running } = job(device, 20);
  device.free([state, next]);
  device.freePlan(plan);
  filled(device, [7]);
  const { value } = await outcome(running.promise);
  assert.equal(column(value.logs).at(-1), 20);
  assert.equal(device.memory().textures, 1);
});

test("a listener that throws ends the job with its error", async () => {
  const device = createWasmDevice();
  const onLogs = () => {
    throw new Error("no more");
  };
  const { status, message } = await outcome(job(device, 1e6, { onLogs, logEvery: "step" }).running.promise);
  assert.deepEqual([status, message], ["failed", "no more"]);
});

test("regions of four layers are read as they were written", () => {
  const device = createWasmDevice();
  const [w, h, layers] = [3, 5, 4];
  const id = device.alloc(w, h, layers, "rgba32f");
  device.upload(id, 0, 0, w, h, Float32Array.from({ length: w * h * layers * 4 }, (_, i) => i));
  const part = device.readSync(id, 1, 2, 2, 2);
  const at = (layer, y, x) => (layer * h * w + y * w + x) * 4;
  const expected = [];
  for (let layer = 0; layer < layers; layer++) {
    for (const y of [2, 3]) for (const x of [1, 2]) expected.push(...[0, 1, 2, 3].map((c) => at(layer, y, x) + c));
  }
  assert.deepEqual([...part], expected);
});

test("memory that was needed once is given back, and what is left stays", () => {
  const device = createWasmDevice();
  const plan = device.loadPlan(planBytes({ calls: [{ from: 0, to: 1 }] }));
  const first = filled(device, [1]);
  const large = Array.from({ length: 4 }, () => device.alloc(1024, 1024, 2, "rgba32f"));
  const last = filled(device, [2]);
  const size = device.arena.bytes.length;
  assert.ok(size > 128 * 2 ** 20);
  device.free(large);
  assert.ok(device.arena.bytes.length < size / 8);
  assert.deepEqual([read(device, first), read(device, last)], [[1], [2]]);
  const [out] = device.run(plan, [last], [3]);
  assert.deepEqual(read(device, out), [5]);
});

test("memory that is not to be had is said, and nothing is lost", () => {
  const device = createWasmDevice();
  const before = device.memory().bytes;
  assert.throws(() => device.alloc(4096, 4096 * 4, 4, "rgba32f"), /no memory for \d+ more bytes: \d+ are in use/);
  assert.equal(device.memory().bytes, before);
});

test("spans never overlap, and free neighbours merge", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const heap = new Heap(1024);
  const spans = new Map();
  for (let i = 0; i < 2000; i++) {
    if (spans.size && random() < 0.45) {
      const address = [...spans.keys()][Math.floor(random() * spans.size)];
      spans.delete(address);
      heap.free(address);
    } else {
      const size = Math.ceil(random() * 5000);
      spans.set(heap.alloc(size), size);
    }
  }
  const ends = [...spans].map(([a, s]) => [a, a + s]).sort(([a], [b]) => a - b);
  for (let i = 1; i < ends.length; i++) assert.ok(ends[i - 1][1] <= ends[i][0]);
  for (const address of spans.keys()) heap.free(address);
  assert.deepEqual([heap.end, heap.used, heap.spans], [1024, 0, 0]);
});

test("whether products and sums may be rounded together is known", () => {
  assert.equal(typeof createWasmDevice().caps().relaxed, "boolean");
});
