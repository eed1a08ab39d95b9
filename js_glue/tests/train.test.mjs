import assert from "node:assert/strict";
import { test } from "node:test";

import { canvas, column, outcome, page, pass, planBytes, settle, spec } from "./page.mjs";
import { createDevice } from "../index.js";

/** A step of several draws that logs its number, which is its one scalar. */
const counting = planBytes({
  inputs: 0,
  textures: [[1, 1, 1, "rgba32f"]],
  scalar_inputs: 1,
  draws: [
    ...Array.from({ length: 5 }, () => ({ shader: "u", target: 0, uniforms: [0] })),
    { shader: "u", target: 1, uniforms: [0] },
  ],
});

/** What is logged is what the input holds, by way of a temporary. */
const copying = planBytes({
  textures: [[3, 1, 1, "rgba32f"]],
  draws: [
    { shader: "a", target: 0, reads: [1] },
    { shader: "a * 1", target: 0, reads: [1] },
    { shader: "a", target: 2, reads: [0] },
  ],
});

const counted = { scalars: [0], increments: [1] };

function setUp(options) {
  const drawn = canvas(options);
  return { gl: drawn.gl, device: createDevice({ canvas: drawn }) };
}

function filled(device, value) {
  const id = device.alloc(1, 1, 1, "rgba32f");
  device.upload(id, 0, 0, 1, 1, Float32Array.of(value, 0, 0, 0));
  return id;
}

const from = (first, n) => Array.from({ length: n }, (_, i) => first + i);

test("a paused job ends its step, issues nothing more, and goes on when resumed", async () => {
  const { gl, device } = setUp({ msPerDraw: 9 });
  const job = device.train(spec(device.loadPlan(counting), 40, counted));
  await pass(300);
  job.pause();
  await pass(500);
  const drawn = gl.draws.length;
  assert.ok(drawn > 0 && drawn < 240);
  assert.equal(drawn, job.issued * 6);
  await pass(5000);
  assert.equal(gl.draws.length, drawn);
  job.resume();
  job.pause();
  await pass(5000);
  assert.equal(gl.draws.length, drawn);
  job.resume();
  const { value } = await outcome(job.promise);
  assert.deepEqual(column(value.logs), from(0, 40));
});

test("a job that is paused within a step begins no other", async () => {
  const { gl, device } = setUp({ msPerDraw: 0.5 });
  const job = device.train(spec(device.loadPlan(counting), 5000, counted));
  await pass(100);
  while (gl.draws.length % 6 === 0) await pass(1);
  job.pause();
  const under = job.issued + 1;
  await pass(500);
  assert.equal(job.issued, under);
  assert.equal(gl.draws.length, under * 6);
  job.cancel();
  await outcome(job.promise);
});

test("a job that is cancelled, twice, ends once, after whole steps", async () => {
  const { gl, device } = setUp({ msPerDraw: 9 });
  const job = device.train(spec(device.loadPlan(counting), 1000, counted));
  await pass(400);
  job.cancel();
  await settle();
  job.cancel();
  const { value } = await outcome(job.promise);
  assert.ok(value.cancelled);
  assert.equal(gl.draws.length, value.steps * 6);
  assert.deepEqual(column(value.logs), from(0, value.steps));
});

test("a paused job can be cancelled", async () => {
  const { device } = setUp({ msPerDraw: 9 });
  const job = device.train(spec(device.loadPlan(counting), 1000, counted));
  await pass(400);
  job.pause();
  await pass(400);
  job.cancel();
  job.pause();
  assert.equal((await outcome(job.promise)).status, "done");
});

test("more steps than the ring has rows are all logged, in order and once", async () => {
  const { device } = setUp({ msPerDraw: 0.001 });
  const told = [];
  const onLogs = (first, rows) => {
    assert.equal(first, told.length);
    told.push(...column(rows));
  };
  const job = device.train(spec(device.loadPlan(counting), 5000, { ...counted, onLogs, logEvery: "frame" }));
  const { value } = await outcome(job.promise);
  assert.deepEqual(column(value.logs), from(0, 5000));
  assert.deepEqual(told, from(0, 5000));
});

test("two jobs of one plan, and a run amid their steps, compute with values of their own", async () => {
  const { device } = setUp({ msPerDraw: 9 });
  const plan = device.loadPlan(copying);
  const jobs = [1, 2].map((value) => device.train(spec(plan, 6, { inputs: [filled(device, value)] })));
  const ran = [];
  for (let i = 0; i < 20; i++) {
    await pass(11);
    const [out] = device.run(plan, [filled(device, 10 + i)], []);
    ran.push(device.readSync(out, 0, 0, 1, 1)[0]);
  }
  assert.deepEqual(ran, from(10, 20));
  const [one, two] = await Promise.all(jobs.map((job) => outcome(job.promise)));
  assert.deepEqual(column(one.value.logs), Array(6).fill(1));
  assert.deepEqual(column(two.value.logs), Array(6).fill(2));
});

test("state goes in circles: what a step leaves is what the next one reads", async () => {
  const { device } = setUp();
  const plan = device.loadPlan(
    planBytes({
      outputs: [[1, 1, 1], [1, 1, 1]],
      draws: [
        { shader: "a + 1", target: 2, reads: [0] },
        { shader: "a", target: 1, reads: [0] },
      ],
    }),
  );
  const [first, second] = [filled(device, 5), filled(device, 0)];
  const job = device.train(spec(plan, 7, { inputs: [first], outputs: [0, second], swaps: [[0, 1]] }));
  const { value } = await outcome(job.promise);
  assert.deepEqual(column(value.logs), from(5, 7));
  assert.ok(value.swapped);
  assert.equal(device.readSync(second, 0, 0, 1, 1)[0], 12);
});

test("a hidden page trains on, in larger slices, and learns nothing from its times", async () => {
  const { device } = setUp({ msPerDraw: 2 });
  const job = device.train(spec(device.loadPlan(counting), 1e5, counted));
  const pace = async (ms) => {
    const { issued } = job;
    const { slices } = device.counters();
    await pass(ms);
    return { steps: (job.issued - issued) / ms, slices: (device.counters().slices - slices) / ms };
  };
  const visible = await pace(5000);
  const learnt = device.pace.msPerWork;
  page.hidden = true;
  await pass(2000);
  const hidden = await pace(10000);
  assert.ok(hidden.steps > 0.8 * visible.steps, `${hidden.steps} of ${visible.steps} steps per ms`);
  assert.ok(hidden.slices < 0.3 * visible.slices);
  page.hidden = false;
  await pass(300);
  assert.ok(device.pace.msPerWork < 1.5 * learnt);
  const again = await pace(5000);
  assert.ok(again.steps > 0.8 * visible.steps);
  job.cancel();
  await outcome(job.promise);
});

test("the rows so far are those of all steps that are issued, whoever has asked for them before", async () => {
  for (const more of [{}, { onLogs() {}, logEvery: "frame" }]) {
    const { device } = setUp({ msPerDraw: 2 });
    const job = device.train(spec(device.loadPlan(counting), 3000, { ...counted, ...more }));
    for (let i = 0; i < 20; i++) {
      await pass(37);
      const { issued } = job;
      const both = await Promise.all([outcome(job.soFar(), 500), outcome(job.soFar(), 500)]);
      for (const { value } of both) assert.deepEqual(column(value), from(0, Math.max(issued, value.length / 4)));
    }
    job.cancel();
    const { value } = await outcome(job.promise);
    assert.deepEqual(column(value.logs), from(0, job.issued));
    assert.deepEqual(column((await outcome(job.soFar())).value), from(0, job.issued));
  }
});

test("a callback that throws ends the job with its error, and is not called again", async () => {
  const { device } = setUp({ msPerDraw: 3 });
  let calls = 0;
  let destroyed = 0;
  const onLogs = () => {
    calls++;
    throw new Error("from the callback");
  };
  onLogs.destroy = () => destroyed++;
  const job = device.train(spec(device.loadPlan(counting), 1000, { ...counted, onLogs, logEvery: "step" }));
  assert.equal((await outcome(job.promise)).message, "from the callback");
  await pass(3000);
  assert.equal(calls, 1);
  assert.equal(destroyed, 1);
  assert.ok(job.issued < 20);
});

test("textures that a job works on are freed at its end", async () => {
  const { gl, device } = setUp({ msPerDraw: 9 });
  const shape = [9, 9, 4, "rgba32f"];
  const plan = device.loadPlan(
    planBytes({
      outputs: [[7, 1, 1], [9, 9, 4]],
      draws: [...Array.from({ length: 11 }, () => ({ shader: "a", target: 2, reads: [0] })), { shader: "a", target: 1, reads: [0] }],
    }),
  );
  const mine = [device.alloc(...shape), device.alloc(...shape)];
  const job = device.train(spec(plan, 1000, { inputs: [mine[0]], outputs: [0, mine[1]], swaps: [[0, 1]] }));
  await pass(400);
  job.cancel();
  device.free(mine);
  device.freePlan(plan);
  assert.throws(() => device.readSync(mine[0], 0, 0, 1, 1), /there is no texture/);
  const others = [device.alloc(...shape), device.alloc(...shape)].map((id) => device.textures.get(id).texture);
  const before = gl.draws.length;
  assert.equal((await outcome(job.promise)).status, "done");
  const late = gl.draws.slice(before).flatMap((d) => d.targets);
  assert.ok(late.length > 0);
  assert.ok(!late.some((texture) => others.includes(texture)));
  assert.equal(device.memory().textures, 2);
  assert.equal(device.memory().plans, 0);
  assert.equal(device.memory().programs, 0);
});

test("a scalar that is set amid a step counts from the next step on", async () => {
  const { gl, device } = setUp({ msPerDraw: 9 });
  const job = device.train(spec(device.loadPlan(counting), 6, { scalars: [1], increments: [0] }));
  gl.onDraw = () => gl.draws.length === 8 && job.setScalar(0, 2);
  await outcome(job.promise);
  assert.deepEqual(gl.draws.map((d) => d.value), [...Array(12).fill(1), ...Array(24).fill(2)]);
});

test("what a job cannot begin with leaves nothing behind", () => {
  const { device } = setUp();
  const plan = device.loadPlan(copying);
  const { textures } = device.memory();
  assert.throws(() => device.train(spec(plan, 3, { inputs: [77] })), /there is no texture 77/);
  assert.equal(device.memory().textures, textures);
});

test("no promise was left to fail unheard", async () => {
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(page.rejections, []);
});
