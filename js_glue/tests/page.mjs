/**
 * A page in simulated time: timers (those of a hidden page once a second), messages, and a WebGL2 whose draws take time.
 * Import it before the glue. A fragment shader is an expression of `a`, the value in the first texture that it reads,
 * and `u`, its first uniform; a texture holds one value per row.
 */

export const page = { now: 0, hidden: false, tasks: [], serial: 0, rejections: [] };
process.on("unhandledRejection", (error) => page.rejections.push(error));

globalThis.document = {
  get hidden() {
    return page.hidden;
  },
};
globalThis.performance = { now: () => page.now };
globalThis.setTimeout = (run, ms = 0) => {
  const at = page.now + Math.max(ms, 1);
  task(page.hidden ? Math.ceil(at / 1000) * 1000 : at, run);
};
globalThis.MessageChannel = class {
  port1 = {};
  port2 = { postMessage: () => task(page.now + 0.02, () => this.port1.onmessage()) };
};

function task(at, run) {
  page.tasks.push({ at, serial: page.serial++, run });
}

/** Let promises settle. */
export async function settle() {
  for (let i = 0; i < 40; i++) await null;
}

/** Run tasks for so many milliseconds, or until there is nothing to do or to wait for. */
export async function pass(ms, isDone = () => false) {
  const end = page.now + ms;
  for (;;) {
    await settle();
    page.tasks.sort((a, b) => a.at - b.at || a.serial - b.serial);
    if (isDone()) return;
    if (!page.tasks.length || page.tasks[0].at > end) break;
    const { at, run } = page.tasks.shift();
    page.now = Math.max(page.now, at);
    run();
  }
  page.now = Math.max(page.now, end);
}

/** The outcome of a promise in simulated time. */
export async function outcome(promise, ms = 1e6) {
  let found = { status: "pending" };
  promise.then(
    (value) => (found = { status: "done", value }),
    (error) => (found = { status: "failed", message: error.message }),
  );
  await pass(ms, () => found.status !== "pending");
  return found;
}

/** @param {{msPerDraw?: number, memory?: number, linkMs?: number}} [options] `memory` in bytes */
export function canvas({ msPerDraw = 1, memory = Infinity, linkMs = 0 } = {}) {
  const listeners = {};
  const emit = (name) => {
    const called = listeners[name] ?? [];
    listeners[name] = called.filter((l) => !l.once);
    for (const { listener } of called) listener({ preventDefault() {} });
  };
  const alive = { textures: new Set(), programs: new Set(), framebuffers: new Set() };
  let gpuFree = 0;
  let lost = false;
  let error = 0;
  let unit = 0;
  let program, framebuffer, read, buffer, viewport, uniforms;
  const units = [];
  const made = (kind, value) => {
    alive[kind].add(value);
    return value;
  };
  const own = {
    alive,
    draws: [],
    lose() {
      lost = true;
      emit("webglcontextlost");
    },
    restore() {
      lost = false;
      emit("webglcontextrestored");
    },
    isContextLost: () => lost,
    getExtension: () => ({ COMPLETION_STATUS_KHR: "COMPLETION_STATUS" }),
    getParameter: () => 4096,
    createVertexArray: () => ({}),
    createBuffer: () => ({}),
    createTexture: () => made("textures", { rows: [], bytes: 0 }),
    deleteTexture: (texture) => alive.textures.delete(texture),
    createFramebuffer: () => made("framebuffers", { targets: [] }),
    deleteFramebuffer: (deleted) => alive.framebuffers.delete(deleted),
    bindFramebuffer: (target, bound) => target === "DRAW_FRAMEBUFFER" && (framebuffer = bound),
    framebufferTextureLayer(target, _, texture) {
      if (target === "READ_FRAMEBUFFER") read = texture;
      else framebuffer.targets.push(texture);
    },
    activeTexture: (number) => (unit = number),
    bindTexture: (_, texture) => (units[unit] = texture),
    texStorage3D(_target, _levels, format, w, h, layers) {
      const texture = units[unit];
      texture.bytes = w * h * layers * (format === "RGBA8" ? 4 : 16);
      const used = [...alive.textures].reduce((sum, t) => sum + t.bytes, 0);
      if (used > memory) error = "OUT_OF_MEMORY";
    },
    texSubImage3D: (...args) => (units[unit].rows[0] = args.at(-1)[0]),
    getError() {
      const found = error;
      error = 0;
      return found;
    },
    createShader: () => ({}),
    shaderSource: (shader, source) => (shader.source = source),
    createProgram: () => made("programs", { linked: page.now + linkMs }),
    attachShader: (linked, { source }) => (linked.source = source),
    deleteProgram: (deleted) => alive.programs.delete(deleted),
    getProgramParameter: (asked, what) => what !== "COMPLETION_STATUS" || page.now >= asked.linked,
    useProgram: (used) => (program = used),
    getUniformLocation: () => null,
    uniform1fv: (_, values) => (uniforms = [...values]),
    viewport: (_x, y) => (viewport = y),
    drawArrays() {
      const drawn = [...framebuffer.targets, ...(program.source.includes("a") ? [units[0]] : [])];
      if (!alive.programs.has(program) || !drawn.every((t) => alive.textures.has(t))) throw new Error("it was deleted");
      gpuFree = Math.max(gpuFree, page.now) + msPerDraw;
      page.now += 0.03;
      const value = new Function("a", "u", `return ${program.source}`)(units[0]?.rows[0], uniforms?.[0]);
      for (const texture of framebuffer.targets) texture.rows[viewport] = value;
      own.draws.push({ targets: framebuffer.targets, value });
      own.onDraw?.();
    },
    fenceSync: () => (lost ? null : { done: gpuFree }),
    clientWaitSync: ({ done }) => (lost ? "WAIT_FAILED" : page.now >= done ? "CONDITION_SATISFIED" : "TIMEOUT_EXPIRED"),
    bindBuffer: (_, bound) => (buffer = bound),
    readPixels(_x, y, _w, h, _format, _type, into) {
      const rows = Array.from({ length: h }, (_, i) => read.rows[y + i]);
      if (typeof into === "number") buffer.rows = rows;
      else fill(into, rows);
    },
    getBufferSubData: (_target, _offset, out) => fill(out, buffer.rows),
    NO_ERROR: 0,
    TEXTURE0: 0,
  };
  const gl = new Proxy(own, {
    get: (_, name) => (name in own ? own[name] : name === name.toUpperCase() ? name : () => undefined),
  });
  return {
    gl,
    getContext: () => gl,
    addEventListener: (name, listener, options) => (listeners[name] ??= []).push({ listener, once: options?.once }),
  };
}

/** The value of each row, in each of its lanes. */
function fill(out, rows) {
  const width = out.length / rows.length;
  rows.forEach((value, row) => out.fill(value, row * width, (row + 1) * width));
}

/** The bytes of a plan. Slots are the plan's own textures, the inputs, the outputs. */
export function planBytes({ draws, ...header }) {
  const full = {
    version: 1,
    textures: [],
    constants: [],
    inputs: 1,
    outputs: [[1, 1, 1]],
    scalar_inputs: 0,
    scalar_ops: [],
    shaders: [...new Set(draws.map((d) => d.shader))],
    ...header,
  };
  full.draws = draws.map(({ shader, target, reads = [], uniforms = [], work = 5e6 }) => ({
    shader: full.shaders.indexOf(shader),
    targets: [[target, 0]],
    viewport: [0, 0, 1, 1],
    samplers: reads,
    uniforms,
    work,
  }));
  let text = JSON.stringify(full);
  text += " ".repeat((8 - ((8 + text.length) % 8)) % 8);
  const bytes = new Uint8Array(8 + text.length);
  bytes.set(new TextEncoder().encode("WLP1" + "\0\0\0\0" + text));
  new DataView(bytes.buffer).setUint32(4, text.length, true);
  return bytes;
}

/** What a job is asked for, where it does not matter. */
export function spec(plan, steps, more = {}) {
  return { plan, steps, inputs: [], outputs: [0], swaps: [], logs: 0, scalars: [], increments: [], onLogs: null, logEvery: "end", ...more };
}

/** The values of a job's first column of logs. */
export function column(logs) {
  return [...logs].filter((_, i) => i % 4 === 0);
}

/** A texture of one texel that begins with a number. */
export function filled(device, value) {
  const id = device.alloc(1, 1, 1, "rgba32f");
  device.upload(id, 0, 0, 1, 1, Float32Array.of(value, 0, 0, 0));
  return id;
}
