import assert from "node:assert/strict";
import { test } from "node:test";

import { canvas, column, filled, outcome, page, pass, planBytes, settle, spec } from "./page.mjs";
import { createDevice } from "../index.js";

const doubled = planBytes({ draws: [{ shader: "2 * a", target: 1, reads: [0] }] });
const LOST = /WebGL context lost/;

function setUp(options = {}) {
  const { poolBytes, ...more } = options;
  const drawn = canvas(more);
  return { gl: drawn.gl, device: createDevice({ canvas: drawn, poolBytes }) };
}

test("a plan runs, with constants of its own and temporaries from the pool", async () => {
  const { device } = setUp();
  const text = planBytes({
    textures: [[1, 1, 1, "rgba32f"], [2, 1, 1, "rgba32f"]],
    draws: [{ shader: "a + 1", target: 1, reads: [2] }, { shader: "a * 10", target: 3, reads: [1] }],
  });
  const plan = device.loadPlan(text);
  const input = filled(device, 4);
  const before = device.memory().textures;
  const [out] = device.run(plan, [input], []);
  const { value } = await outcome(device.read(out, 0, 0, 1, 1));
  assert.equal(value[0], 50);
  assert.equal(device.memory().textures, before + 1);
  const pooled = device.memory().poolTextures;
  device.run(plan, [input], [], [out]);
  assert.equal(device.memory().poolTextures, pooled);
});

test("programs go with the last plan that draws with them", async () => {
  const { gl, device } = setUp();
  const first = device.loadPlan(doubled);
  const second = device.loadPlan(doubled);
  assert.equal(device.memory().programs, 1);
  device.freePlan(first);
  assert.equal(gl.alive.programs.size, 1);
  device.freePlan(second);
  device.freePlan(second);
  assert.equal(gl.alive.programs.size, 0);
  assert.equal(device.memory().programs, 0);
  const [out] = device.run(device.loadPlan(doubled), [filled(device, 3)], []);
  assert.equal(device.readSync(out, 0, 0, 1, 1)[0], 6);
});

test("who waits for the programs of a plan that is freed waits no longer", async () => {
  const { device } = setUp({ linkMs: 1e9 });
  const plan = device.loadPlan(doubled);
  const ready = device.planReady(plan);
  await pass(50);
  device.freePlan(plan);
  assert.equal((await outcome(ready, 1000)).status, "done");
});

test("framebuffers go with their textures", () => {
  const { gl, device } = setUp({ poolBytes: 0 });
  const plan = device.loadPlan(doubled);
  const input = filled(device, 1);
  const [first] = device.run(plan, [input], []);
  const { size } = gl.alive.framebuffers;
  device.free([first]);
  for (let i = 0; i < 50; i++) device.free(device.run(plan, [input], []));
  assert.equal(gl.alive.framebuffers.size, size - 1);
});

test("framebuffers of a job's own textures go too", async () => {
  const { gl, device } = setUp({ poolBytes: 0 });
  const plan = device.loadPlan(doubled);
  const input = filled(device, 1);
  const { size } = gl.alive.framebuffers;
  for (let i = 0; i < 5; i++) await outcome(device.train(spec(plan, 3, { inputs: [input] })).promise);
  assert.equal(gl.alive.framebuffers.size, size);
});

test("a texture larger than the GPU allows is refused by its size", () => {
  const { device } = setUp();
  assert.throws(() => device.alloc(5000, 2, 1, "rgba32f"), /5000x2x1 texels is more than this GPU allows/);
});

test("no memory for a texture is an error that says how large it is, once the pool has given what it has", () => {
  const { gl, device } = setUp({ memory: 100 * 2 ** 20 });
  const large = [2048, 1024, 1, "rgba32f"];
  const mine = [device.alloc(...large), device.alloc(1024, 2048, 1, "rgba32f"), device.alloc(2000, 1000, 1, "rgba32f")];
  device.free(mine.slice(2));
  device.alloc(...large);
  assert.throws(() => device.alloc(...large), /out of memory: it has none for a texture of 2048x1024x1 texels, 32 MB, beside 96 MB/);
  assert.equal(gl.alive.textures.size, 3);
  device.free(mine.slice(0, 1));
  device.alloc(...large);
});

test("a lost context ends jobs and reads with one error, and so every later call", async () => {
  for (const paused of [false, true]) {
    const { gl, device } = setUp({ msPerDraw: 9 });
    const plan = device.loadPlan(doubled);
    const input = filled(device, 1);
    const told = [];
    const onLogs = (_, rows) => told.push(...column(rows));
    const job = device.train(spec(plan, 1000, { inputs: [input], onLogs, logEvery: "frame" }));
    await pass(500);
    if (paused) job.pause();
    await pass(500);
    const waiting = [job.promise, device.read(input, 0, 0, 1, 1)].map((promise) => outcome(promise));
    gl.lose();
    for (const { message } of await Promise.all(waiting)) assert.match(message, LOST);
    const { length } = told;
    assert.ok(told.every((value) => value === 2), "values of a lost context are none");
    for (const call of [
      () => device.alloc(1, 1, 1, "rgba32f"),
      () => device.upload(input, 0, 0, 1, 1, new Float32Array(4)),
      () => device.run(plan, [input], []),
      () => device.readSync(input, 0, 0, 1, 1),
      () => device.loadPlan(doubled),
      () => device.train(spec(plan, 1, { inputs: [input] })),
    ]) {
      assert.throws(call, LOST);
    }
    await assert.rejects(device.planReady(plan), LOST);
    device.free([input]);
    device.freePlan(plan);
    await pass(1000);
    assert.equal(told.length, length);
  }
});

test("who waits for programs when the context is lost is told so", async () => {
  const { gl, device } = setUp({ linkMs: 1e9 });
  const waiting = outcome(device.planReady(device.loadPlan(doubled)));
  await pass(50);
  gl.lose();
  assert.match((await waiting).message, LOST);
});

test("a loss that the page has not been told of yet gives no zeros for values", async () => {
  const { gl, device } = setUp({ msPerDraw: 50 });
  const [out] = device.run(device.loadPlan(doubled), [filled(device, 1)], []);
  const reading = outcome(device.read(out, 0, 0, 1, 1));
  await settle();
  gl.isContextLost = () => true;
  assert.match((await reading).message, LOST);
  assert.throws(() => device.readSync(out, 0, 0, 1, 1), LOST);
});

test("a device is lost before the page is told, and tells of it when the page is, before its jobs end", async () => {
  const { gl, device } = setUp({ msPerDraw: 9 });
  const order = [];
  device.onLost = () => order.push("device");
  const job = device.train(spec(device.loadPlan(doubled), 1000, { inputs: [filled(device, 1)] }));
  const ended = outcome(job.promise.catch((error) => order.push(error.message)));
  await pass(100);
  assert.equal(device.isLost(), false);
  gl.isContextLost = () => true;
  assert.equal(device.isLost(), true);
  assert.throws(() => device.alloc(1, 1, 1, "rgba32f"), LOST);
  assert.deepEqual(order, []);
  gl.lose();
  await ended;
  assert.equal(order.length, 2);
  assert.equal(order[0], "device");
  assert.match(order[1], LOST);
});

test("once the context is back, another device goes on", async () => {
  const drawn = canvas();
  const restored = [];
  const device = createDevice({ canvas: drawn, onRestored: (next) => restored.push(next) });
  drawn.gl.lose();
  drawn.gl.restore();
  assert.equal(restored.length, 1);
  assert.throws(() => device.alloc(1, 1, 1, "rgba32f"), LOST);
  const [next] = restored;
  const plan = next.loadPlan(doubled);
  const [out] = next.run(plan, [filled(next, 21)], []);
  assert.equal(next.readSync(out, 0, 0, 1, 1)[0], 42);
  drawn.gl.lose();
  assert.throws(() => next.alloc(1, 1, 1, "rgba32f"), LOST);
  drawn.gl.restore();
  assert.equal(restored.length, 2);
});

test("no promise was left to fail unheard", async () => {
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(page.rejections, []);
});
