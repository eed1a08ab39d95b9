// @ts-check
/** Issues draws. Everything that can be looked up beforehand is, and state that is already set is not set again. */

/** @typedef {import("../plan.js").DrawSpec} DrawSpec */
/** @typedef {import("./programs.js").Program} Program */
/**
 * @typedef {object} Record a draw, ready to be issued
 * @property {Program} program
 * @property {WebGLFramebuffer} framebuffer
 * @property {[number, number, number, number]} viewport
 * @property {WebGLTexture[]} textures
 * @property {number[]} registers
 * @property {Float32Array | null} uniforms
 * @property {number} work
 * @property {boolean} ring whether it writes the running step's row of the log
 */

/** @type {number[]} */
const NOWHERE = [-1, -1, -1, -1];

export class Executor {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {import("./context.js").State} state
   * @param {import("./textures.js").Textures} textures
   * @param {import("../counters.js").Counters} counters
   */
  constructor(gl, state, textures, counters) {
    this._gl = gl;
    this._state = state;
    this._textures = textures;
    this._counters = counters;
    /** @type {Map<string, WebGLFramebuffer>} */
    this._framebuffers = new Map();
    /** @type {Map<WebGLTexture, {serial: number, keys: Set<string>}>} */
    this._attached = new Map();
    this._serial = 0;
    /** @type {WebGLProgram | null} */
    this._program = null;
    /** @type {WebGLFramebuffer | null} */
    this._framebuffer = null;
    /** @type {WebGLTexture[]} */
    this._units = [];
    this._viewport = NOWHERE;
  }

  /** Forget what the context's state is. */
  _reset() {
    this._program = null;
    this._framebuffer = null;
    this._units = [];
    this._viewport = NOWHERE;
  }

  /**
   * @param {DrawSpec[]} draws @param {Program[]} programs
   * @param {number[]} slots the texture of each slot
   * @param {number} [ringSlot] the slot of the log, whose draws move a row down each step
   * @returns {Record[]}
   */
  bind(draws, programs, slots, ringSlot = -1) {
    return draws.map(({ shader, targets, viewport, samplers, uniforms, work }) => ({
      program: programs[shader],
      framebuffer: this._framebufferOf(targets.map(([slot, layer]) => [this._textures.get(slots[slot]).texture, layer])),
      viewport,
      textures: samplers.map((slot) => this._textures.get(slots[slot]).texture),
      registers: uniforms,
      uniforms: uniforms.length ? new Float32Array(uniforms.length) : null,
      work,
      ring: targets.some(([slot]) => slot === ringSlot),
    }));
  }

  /**
   * Issue records `from` up to `to`.
   * @param {Record[]} records @param {number} from @param {number} to
   * @param {Float64Array} registers @param {number} row of the log
   * @param {boolean} [checked] ask for errors after each draw
   */
  draw(records, from, to, registers, row, checked = false) {
    const gl = this._gl;
    if (this._state.stale) {
      this._reset();
      this._state.stale = false;
    }
    for (let i = from; i < to; i++) {
      const record = records[i];
      const { program, framebuffer, viewport, textures, uniforms } = record;
      if (this._program !== program.handle) {
        gl.useProgram((this._program = program.handle));
      }
      if (this._framebuffer !== framebuffer) {
        gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, (this._framebuffer = framebuffer));
      }
      const y = record.ring ? row : viewport[1];
      const now = this._viewport;
      if (now[0] !== viewport[0] || now[1] !== y || now[2] !== viewport[2] || now[3] !== viewport[3]) {
        gl.viewport(viewport[0], y, viewport[2], viewport[3]);
        this._viewport = [viewport[0], y, viewport[2], viewport[3]];
      }
      for (let unit = 0; unit < textures.length; unit++) {
        if (this._units[unit] !== textures[unit]) {
          gl.activeTexture(gl.TEXTURE0 + unit);
          gl.bindTexture(gl.TEXTURE_2D_ARRAY, (this._units[unit] = textures[unit]));
        }
      }
      if (uniforms) {
        for (let k = 0; k < uniforms.length; k++) uniforms[k] = registers[record.registers[k]];
        gl.uniform1fv(program.uniforms, uniforms);
      }
      gl.drawArrays(gl.TRIANGLES, 0, 3);
      if (checked) this._check(i, record);
    }
    this._counters.now.draws += to - from;
  }

  /**
   * A texture was deleted: so are the framebuffers that it was attached to.
   * @param {WebGLTexture} texture
   */
  forget(texture) {
    for (const key of this._attached.get(texture)?.keys ?? []) {
      const framebuffer = this._framebuffers.get(key);
      if (framebuffer) this._gl.deleteFramebuffer(framebuffer);
      this._framebuffers.delete(key);
    }
    this._attached.delete(texture);
    this._reset();
  }

  /** @param {[WebGLTexture, number][]} targets */
  _framebufferOf(targets) {
    const key = targets.map(([texture, layer]) => `${this._known(texture).serial}.${layer}`).join(" ");
    const found = this._framebuffers.get(key);
    if (found) return found;
    const gl = this._gl;
    const framebuffer = /** @type {WebGLFramebuffer} */ (gl.createFramebuffer());
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, framebuffer);
    this._framebuffer = framebuffer;
    targets.forEach(([texture, layer], i) => {
      gl.framebufferTextureLayer(gl.DRAW_FRAMEBUFFER, gl.COLOR_ATTACHMENT0 + i, texture, 0, layer);
      this._known(texture).keys.add(key);
    });
    gl.drawBuffers(targets.map((_, i) => gl.COLOR_ATTACHMENT0 + i));
    this._framebuffers.set(key, framebuffer);
    return framebuffer;
  }

  /** @param {WebGLTexture} texture */
  _known(texture) {
    let known = this._attached.get(texture);
    if (!known) this._attached.set(texture, (known = { serial: this._serial++, keys: new Set() }));
    return known;
  }

  /** @param {number} i @param {Record} record */
  _check(i, record) {
    const gl = this._gl;
    const status = gl.checkFramebufferStatus(gl.DRAW_FRAMEBUFFER);
    const error = gl.getError();
    if (status === gl.FRAMEBUFFER_COMPLETE && error === gl.NO_ERROR) return;
    throw new Error(`draw ${i} failed: framebuffer status ${status}, error ${error}\n${record.program.source}`);
  }
}
