// @ts-check
/**
 * Textures by number, and a pool of freed ones. Every texture is a 2D array texture of immutable storage, read by
 * texelFetch only.
 */

/** @typedef {"rgba32f" | "rgba8"} Format */
/** @typedef {{texture: WebGLTexture, w: number, h: number, layers: number, format: Format, bytes: number}} Entry */

export class Textures {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {import("./context.js").State} state
   * @param {number} poolBytes what freed textures may hold
   */
  constructor(gl, state, poolBytes) {
    this._gl = gl;
    this._state = state;
    this._poolLimit = poolBytes;
    /** @type {Map<number, Entry>} */
    this._live = new Map();
    /** Freed textures, oldest first. @type {Map<WebGLTexture, Entry>} */
    this._pool = new Map();
    /** @type {Map<string, WebGLTexture[]>} */
    this._byShape = new Map();
    this._next = 1;
    this._bytes = 0;
    this._poolBytes = 0;
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  alloc(w, h, layers, format) {
    const entry = this._reuse(w, h, layers, format) ?? this._create(w, h, layers, /** @type {Format} */ (format));
    const id = this._next++;
    this._live.set(id, entry);
    this._bytes += entry.bytes;
    return id;
  }

  /**
   * Give textures back to the pool.
   * @param {Iterable<number>} ids
   * @returns {WebGLTexture[]} those that were deleted to keep the pool within its limit
   */
  free(ids) {
    for (const id of ids) {
      const entry = this._live.get(id);
      if (!entry) continue;
      this._live.delete(id);
      this._bytes -= entry.bytes;
      this._poolBytes += entry.bytes;
      this._pool.set(entry.texture, entry);
      const key = shapeKey(entry.w, entry.h, entry.layers, entry.format);
      const same = this._byShape.get(key);
      if (same) same.push(entry.texture);
      else this._byShape.set(key, [entry.texture]);
    }
    return this._trim();
  }

  /** @param {number} id @returns {Entry} */
  get(id) {
    const entry = this._live.get(id);
    if (!entry) throw new Error(`there is no texture ${id}`);
    return entry;
  }

  /**
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {Float32Array | Uint8Array} data
   */
  upload(id, x, y, w, h, data) {
    const gl = this._gl;
    const { texture, layers, format } = this.get(id);
    if (data.length !== w * h * layers * 4) {
      throw new Error(`an upload of ${w}x${h}x${layers} texels got ${data.length} numbers`);
    }
    const type = format === "rgba8" ? gl.UNSIGNED_BYTE : gl.FLOAT;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, x, y, 0, w, h, layers, gl.RGBA, type, data);
    this._state.stale = true;
  }

  memory() {
    return {
      textures: this._live.size,
      bytes: this._bytes,
      poolTextures: this._pool.size,
      poolBytes: this._poolBytes,
    };
  }

  /** @param {number} w @param {number} h @param {number} layers @param {Format} format @returns {Entry} */
  _create(w, h, layers, format) {
    const gl = this._gl;
    const texture = gl.createTexture();
    if (!texture) throw new Error("the GPU gave no texture");
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    this._state.stale = true;
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, format === "rgba8" ? gl.RGBA8 : gl.RGBA32F, w, h, layers);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D_ARRAY, filter, gl.NEAREST);
    }
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D_ARRAY, wrap, gl.CLAMP_TO_EDGE);
    }
    return { texture, w, h, layers, format, bytes: w * h * layers * (format === "rgba8" ? 4 : 16) };
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  _reuse(w, h, layers, format) {
    const texture = this._byShape.get(shapeKey(w, h, layers, format))?.pop();
    if (!texture) return undefined;
    const entry = /** @type {Entry} */ (this._pool.get(texture));
    this._pool.delete(texture);
    this._poolBytes -= entry.bytes;
    return entry;
  }

  _trim() {
    const deleted = [];
    for (const [texture, entry] of this._pool) {
      if (this._poolBytes <= this._poolLimit) break;
      this._pool.delete(texture);
      this._poolBytes -= entry.bytes;
      const same = /** @type {WebGLTexture[]} */ (this._byShape.get(shapeKey(entry.w, entry.h, entry.layers, entry.format)));
      same.splice(same.indexOf(texture), 1);
      this._gl.deleteTexture(texture);
      deleted.push(texture);
    }
    return deleted;
  }
}

/** @param {number} w @param {number} h @param {number} layers @param {string} format */
function shapeKey(w, h, layers, format) {
  return `${w}x${h}x${layers} ${format}`;
}
