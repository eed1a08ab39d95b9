import assert from "node:assert/strict";
import { test } from "node:test";

import { canvas, filled, outcome, page, pass, planBytes, settle, spec } from "./page.mjs";
import { createDevice } from "../index.js";

const doubled = planBytes({ draws: [{ shader: "2 * a", target: 1, reads: [0] }] });
/** By way of a temporary. */
const added = planBytes({
  textures: [[1, 1, 1, "rgba32f"]],
  scalar_inputs: 1,
  draws: [{ shader: "a + u", target: 0, reads: [1], uniforms: [0] }, { shader: "a", target: 2, reads: [0] }],
});
const LOST = /WebGL context lost/;

function setUp({ poolBytes, ...options } = {}) {
  const drawn = canvas(options);
  return { gl: drawn.gl, device: createDevice({ canvas: drawn, poolBytes }) };
}

const now = (device, id) => device.readSync(id, 0, 0, 1, 1)[0];
const later = async (device, id) => (await outcome(device.read(id, 0, 0, 1, 1))).value[0];

/** Adds 1, 2, 3, ... to a number, and carries the sum on; with `kept` all sums are there. */
function summing(device, steps, more = {}) {
  const order = { inputs: [filled(device, 0)], swaps: [[0, 0]], kept: [], scalars: [1], increments: [1], freed: [] };
  return device.repeat({ plan: device.loadPlan(added), steps, ...order, ...more });
}

test("many runs go out in slices, in order, and the page has its turn", async () => {
  const { gl, device } = setUp();
  const { calls } = device.counters();
  const sums = summing(device, 100);
  assert.deepEqual(sums.slice(0, -1), Array(99).fill(0));
  assert.equal(gl.draws.length, 0);
  let turns = 0;
  const count = () => {
    turns++;
    if (device.queue.isBusy) setTimeout(count, 1);
  };
  setTimeout(count, 1);
  assert.equal(await later(device, sums.at(-1)), 5050);
  assert.ok(turns > 10);
  // an upload, a plan, all runs, and the texture and its reading
  assert.equal(device.counters().calls - calls, 5);
});

test("who makes a texture amid many runs does not have them all issued, whatever the pool holds", async () => {
  const { gl, device } = setUp();
  device.free([device.alloc(4, 1, 1, "rgba32f")]);
  const sums = summing(device, 100);
  device.alloc(5, 1, 1, "rgba32f");
  assert.equal(gl.draws.length, 0);
  assert.equal(await later(device, sums.at(-1)), 5050);
});

test("what is asked for after many runs comes after them, and who cannot wait has them all issued", async () => {
  const { gl, device } = setUp();
  const plan = device.loadPlan(doubled);
  const sums = summing(device, 100);
  const [double] = device.run(plan, [sums.at(-1)], []);
  device.free([sums.at(-1)]);
  assert.equal(gl.draws.length, 0);
  assert.equal(now(device, double), 2 * 5050);
  assert.equal(gl.draws.length, 201);
  // an upload into a texture that was given back comes after them, too
  const again = summing(device, 30).at(-1);
  const others = [7, 8, 9].map((value) => filled(device, value));
  assert.equal(await later(device, again), 465);
  assert.deepEqual(others.map((id) => now(device, id)), [7, 8, 9]);
});

test("a job, and the constants of a plan, are no earlier than runs before them", async () => {
  const { device } = setUp();
  const copied = device.loadPlan(planBytes({ draws: [{ shader: "a", target: 1, reads: [0] }] }));
  const sum = summing(device, 50).at(-1);
  const { value } = await outcome(device.train(spec(copied, 1, { inputs: [sum] })).promise);
  assert.equal(value.logs[0], 1275);
  const next = summing(device, 50).at(-1);
  // a texture that was given back takes it
  const header = planBytes({
    inputs: 0,
    textures: [[1, 1, 1, "rgba32f"]],
    constants: [[0, 0, 4]],
    draws: [{ shader: "a", target: 1, reads: [0] }],
  });
  const plan = device.loadPlan(Uint8Array.of(...header, ...new Uint8Array(Float32Array.of(8, 8, 8, 8).buffer)));
  assert.equal(await later(device, next), 1275);
  assert.equal(now(device, device.run(plan, [], [])[0]), 8);
});

test("outputs that are wanted of each run are there, others once", async () => {
  const { device } = setUp();
  const before = device.memory().textures;
  const sums = summing(device, 4, { kept: [0] });
  assert.equal(device.memory().textures - before, 5);
  const found = (await outcome(Promise.all(sums.map((id) => device.read(id, 0, 0, 1, 1))))).value;
  assert.deepEqual(found.map(([value]) => value), [1, 3, 6, 10]);
});

test("steps of a job do not wait, and what copies their state is not overtaken", async () => {
  const { device } = setUp();
  const state = planBytes({
    outputs: [[1, 1, 1], [1, 1, 1]],
    draws: [{ shader: "a + 1", target: 2, reads: [0] }, { shader: "a + 1", target: 1, reads: [0] }],
  });
  const [first, second] = [filled(device, 0), filled(device, 0)];
  const job = device.train(
    spec(device.loadPlan(state), 50, { inputs: [first], outputs: [0, second], swaps: [[0, 1]] }),
  );
  await pass(20);
  const plan = device.loadPlan(doubled);
  const sums = summing(device, 50);
  await pass(20);
  const at = job.issued;
  assert.ok(at > 0 && at < 50 && device.queue.isBusy);
  const [copy] = device.run(plan, [at % 2 ? second : first], []);
  await outcome(job.promise);
  assert.equal(await later(device, copy), 2 * at);
  assert.equal(await later(device, sums.at(-1)), 1275);
});

for (const poolBytes of [0, 2 ** 20]) {
  test(`plans and textures that are freed take nothing from runs to come, with ${poolBytes} bytes to keep`, async () => {
    const { gl, device } = setUp({ poolBytes });
    const plan = device.loadPlan(added);
    const input = filled(device, 0);
    const order = { plan, steps: 30, inputs: [input], swaps: [[0, 0]], kept: [], scalars: [1], increments: [0], freed: [] };
    const freed = device.repeat(order).at(-1);
    device.freePlan(plan);
    device.free([input]);
    assert.equal(await later(device, freed), 30);
    assert.equal(gl.alive.programs.size, 0);
  });
}

test("what goes wrong in a slice is told to who reads next, and the rest is done", async () => {
  const { gl, device } = setUp();
  const sums = summing(device, 30, { kept: [0], swaps: [] });
  await pass(5);
  gl.onDraw = () => {
    gl.onDraw = null;
    throw new Error("draw 0 failed");
  };
  assert.deepEqual(await outcome(device.read(sums[0], 0, 0, 1, 1)), { status: "failed", message: "draw 0 failed" });
  assert.equal(await later(device, sums.at(-1)), 30);
});

test("a context that is lost amid runs ends them, whether the page was told or not", async () => {
  for (const told of [true, false]) {
    const { gl, device } = setUp();
    const sums = summing(device, 1000);
    const reading = outcome(device.read(sums.at(-1), 0, 0, 1, 1));
    await pass(30);
    assert.ok(device.queue.isBusy);
    if (told) gl.lose();
    else gl.isContextLost = () => true;
    if (!told) Object.assign(gl, { fenceSync: () => null, clientWaitSync: () => "WAIT_FAILED" });
    assert.match((await reading).message, LOST);
    assert.ok(!device.queue.isBusy);
    assert.throws(() => device.run(1, [], []), LOST);
  }
});

test("no promise was left to fail unheard", async () => {
  await settle();
  assert.deepEqual(page.rejections, []);
});
