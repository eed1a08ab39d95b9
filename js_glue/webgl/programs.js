// @ts-check
/** Shader programs, shared between plans by their source, linked in parallel and asked about late. */

import { checkAlive } from "./context.js";
import { pause } from "../turns.js";

/** @typedef {import("../counters.js").Counters} Counters */
/**
 * @typedef {object} Program
 * @property {string} source
 * @property {WebGLProgram} handle
 * @property {WebGLShader} fragment
 * @property {boolean} linked
 * @property {number} users how many plans draw with it; it is deleted with the last
 * @property {WebGLUniformLocation | null} uniforms
 */

// One triangle over the viewport, from the vertex number alone.
const VERTEX = `#version 300 es
void main() {
  gl_Position = vec4(float((gl_VertexID & 1) << 2) - 1.0, float((gl_VertexID & 2) << 1) - 1.0, 0.0, 1.0);
}`;

const TASK_MS = 8;

export class Programs {
  /** @param {WebGL2RenderingContext} gl @param {import("./context.js").State} state @param {Counters} counters */
  constructor(gl, state, counters) {
    this._gl = gl;
    this._state = state;
    this._counters = counters;
    this._parallel = gl.getExtension("KHR_parallel_shader_compile");
    this._vertex = this._compile(gl.VERTEX_SHADER, VERTEX);
    /** @type {Map<string, Program>} */
    this._bySource = new Map();
  }

  get size() {
    return this._bySource.size;
  }

  /**
   * The program of a fragment shader, for one more plan; compiling and linking are only begun.
   * @param {string} source
   * @returns {Program}
   */
  get(source) {
    const known = this._bySource.get(source);
    if (known) {
      known.users++;
      return known;
    }
    const gl = this._gl;
    const fragment = this._compile(gl.FRAGMENT_SHADER, source);
    const handle = /** @type {WebGLProgram} */ (gl.createProgram());
    gl.attachShader(handle, this._vertex);
    gl.attachShader(handle, fragment);
    gl.linkProgram(handle);
    const program = { source, handle, fragment, linked: false, users: 1, uniforms: null };
    this._bySource.set(source, program);
    return program;
  }

  /** One plan less draws with them. @param {Program[]} programs */
  release(programs) {
    for (const program of programs) {
      if (--program.users) continue;
      this._bySource.delete(program.source);
      this._gl.deleteProgram(program.handle);
      this._gl.deleteShader(program.fragment);
    }
  }

  /**
   * The same programs, linked: what is not yet ready is waited for.
   * @param {Program[]} programs
   */
  linked(programs) {
    for (const program of programs) if (!program.linked) this._finish(program);
    return programs;
  }

  /**
   * Waits until all are linked, or nobody needs them any more, without holding the page up for long.
   * @param {Program[]} programs
   */
  async ready(programs) {
    for (const program of programs) {
      const begun = performance.now();
      while (!program.linked && program.users) {
        checkAlive(this._gl);
        if (this._parallel && !this._gl.getProgramParameter(program.handle, this._parallel.COMPLETION_STATUS_KHR)) {
          await pause();
          continue;
        }
        this._finish(program);
      }
      const took = performance.now() - begun;
      this._counters.task(this._parallel ? 0 : took);
      if (took > TASK_MS / 2) await pause();
    }
  }

  /** @param {Program} program */
  _finish(program) {
    const gl = this._gl;
    if (!this._parallel) this._counters.now.linkWaits++;
    if (!gl.getProgramParameter(program.handle, gl.LINK_STATUS)) {
      checkAlive(gl);
      const log = gl.getShaderInfoLog(program.fragment) || gl.getProgramInfoLog(program.handle) || "no reason given";
      throw new Error(`a shader does not compile: ${log.trim()}\n${numbered(program.source)}`);
    }
    program.linked = true;
    this._counters.now.programsLinked++;
    gl.useProgram(program.handle);
    this._state.stale = true;
    program.uniforms = gl.getUniformLocation(program.handle, "u");
    for (let unit = 0; ; unit++) {
      const location = gl.getUniformLocation(program.handle, `t${unit}`);
      if (!program.source.includes(`sampler2DArray t${unit};`)) break;
      if (location) gl.uniform1i(location, unit);
    }
  }

  /** @param {number} type @param {string} source */
  _compile(type, source) {
    const gl = this._gl;
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    return shader;
  }
}

/** @param {string} source */
function numbered(source) {
  return source.split("\n").map((line, i) => `${i + 1}: ${line}`).join("\n");
}
