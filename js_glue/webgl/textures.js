// @ts-check
/**
 * Textures by number, and a pool of freed ones. Every texture is a 2D array texture of immutable storage, with
 * one level and no filter: it is read texel by texel.
 */

/** Bytes of a texel. */
const TEXEL_BYTES = { rgba32f: 16, rgba16f: 8, rgba8: 4 };

/** @typedef {keyof typeof TEXEL_BYTES} Format half precision is written by draws and read by draws only */
/**
 * How the host moves texels.
 * @typedef {object} Transfer
 * @property {GLenum} format
 * @property {GLenum} type
 * @property {(data: Float32Array | Uint8Array) => ArrayBufferView} view the array type that goes with it, of the same bytes
 */
/** @typedef {[number, number, number, string]} Spec width, height, layers, format */
/**
 * @typedef {object} Entry
 * @property {WebGLTexture} texture
 * @property {number} w
 * @property {number} h
 * @property {number} layers
 * @property {Format} format
 * @property {number} bytes
 * @property {number} holders how many jobs work on it
 * @property {boolean} freed whether it goes to the pool with the last holder
 */

// Whether the GPU had the memory is only asked, as it waits for the answer, where a texture is large.
const LARGE_BYTES = 2 ** 24;

export class Textures {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {import("./context.js").State} state
   * @param {{maxTextureSize: number, maxArrayLayers: number, floatTargets: boolean}} caps
   * @param {number} poolBytes what freed textures may hold
   * @param {(texture: WebGLTexture) => void} onDelete told of each texture before it is deleted
   */
  constructor(gl, state, caps, poolBytes, onDelete) {
    this._gl = gl;
    this._state = state;
    this._caps = caps;
    this._poolLimit = poolBytes;
    this._onDelete = onDelete;
    /** @type {Map<number, Entry>} */
    this._live = new Map();
    /** Freed textures, oldest first. @type {Map<WebGLTexture, Entry>} */
    this._pool = new Map();
    /** @type {Map<string, WebGLTexture[]>} */
    this._byShape = new Map();
    /** How each format is stored; floats that no draw could write as what every GPU of WebGL2 writes, 32 bits. */
    this._internal = {
      rgba32f: caps.floatTargets ? gl.RGBA32F : gl.RGBA32UI,
      rgba16f: gl.RGBA16F,
      rgba8: gl.RGBA8,
    };
    const bytes = (/** @type {Float32Array | Uint8Array} */ data) => data;
    const bits = (/** @type {Float32Array | Uint8Array} */ data) =>
      new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
    /** @type {Transfer} */
    const floats = caps.floatTargets
      ? { format: gl.RGBA, type: gl.FLOAT, view: bytes }
      : { format: gl.RGBA_INTEGER, type: gl.UNSIGNED_INT, view: bits };
    /** @type {Record<Format, Transfer>} */
    this.transfers = {
      rgba32f: floats,
      rgba16f: floats,
      rgba8: { format: gl.RGBA, type: gl.UNSIGNED_BYTE, view: bytes },
    };
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

  /** All or, where the GPU has no room for all, none. @param {Spec[]} specs */
  allocAll(specs) {
    /** @type {number[]} */
    const ids = [];
    try {
      for (const spec of specs) ids.push(this.alloc(...spec));
    } catch (error) {
      this.free(ids);
      throw error;
    }
    return ids;
  }

  /**
   * Delete as much of the pool, what was freed first before all, as is missing there and will be made: for who keeps
   * textures. Who runs a plan gives them back at once and comes again, others likewise, and all would make theirs anew.
   * @param {Spec[]} specs
   */
  makeRoom(specs) {
    const wanted = specs.map((spec) => this._reuse(...spec));
    // those that are there already come last, and stay
    for (const entry of wanted) if (entry) this._keep(entry);
    const missing = specs.filter((_, i) => !wanted[i]).map(([w, h, layers, format]) => bytesOf(w, h, layers, format));
    this._trim(this._poolBytes - missing.reduce((sum, bytes) => sum + bytes, 0));
  }

  /** Give textures back to the pool, those that are held once they are not. @param {Iterable<number>} ids */
  free(ids) {
    for (const id of ids) {
      const entry = this._live.get(id);
      if (!entry) continue;
      entry.freed = true;
      if (!entry.holders) this._toPool(id, entry);
    }
    this._trim(this._poolLimit);
  }

  /** Have textures stay what they are, also when they are freed, until they are let go. @param {number[]} ids */
  hold(ids) {
    for (const entry of ids.map((id) => this.get(id))) entry.holders++;
  }

  /** The end of {@link hold}. @param {number[]} ids */
  letGo(ids) {
    for (const id of ids) {
      const entry = this._live.get(id);
      if (entry && --entry.holders === 0 && entry.freed) this._toPool(id, entry);
    }
    this._trim(this._poolLimit);
  }

  /** @param {number} id @param {Entry} entry */
  _toPool(id, entry) {
    this._live.delete(id);
    this._bytes -= entry.bytes;
    this._keep(entry);
  }

  /** @param {Entry} entry */
  _keep(entry) {
    this._poolBytes += entry.bytes;
    this._pool.set(entry.texture, entry);
    const key = shapeKey(entry.w, entry.h, entry.layers, entry.format);
    const same = this._byShape.get(key);
    if (same) same.push(entry.texture);
    else this._byShape.set(key, [entry.texture]);
  }

  /** @param {number} id @returns {Entry} */
  get(id) {
    const entry = this._live.get(id);
    if (!entry || entry.freed) throw new Error(`there is no texture ${id}`);
    return entry;
  }

  /**
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {Float32Array | Uint8Array} data
   * @returns {() => void} uploads it, whoever has freed the texture meanwhile
   */
  uploading(id, x, y, w, h, data) {
    const gl = this._gl;
    const { texture, layers, format } = this.get(id);
    if (data.length !== w * h * layers * 4) {
      throw new Error(`an upload of ${w}x${h}x${layers} texels got ${data.length} numbers`);
    }
    return () => {
      const { format: order, type, view } = this.transfers[format];
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, x, y, 0, w, h, layers, order, type, view(data));
      this._state.stale = true;
    };
  }

  memory() {
    return {
      textures: this._live.size,
      bytes: this._bytes,
      poolTextures: this._pool.size,
      poolBytes: this._poolBytes,
    };
  }

  /**
   * @param {number} w @param {number} h @param {number} layers @param {Format} format
   * @returns {Entry}
   */
  _create(w, h, layers, format) {
    const bytes = bytesOf(w, h, layers, format);
    const { maxTextureSize, maxArrayLayers } = this._caps;
    if (Math.max(w, h) > maxTextureSize || layers > maxArrayLayers) {
      const most = `${maxTextureSize}x${maxTextureSize}x${maxArrayLayers}`;
      throw new Error(`a texture of ${w}x${h}x${layers} texels is more than this GPU allows, which is ${most}`);
    }
    let texture = this._stored(w, h, layers, format, bytes);
    if (!texture) {
      // what nobody uses may have taken the room
      this._trim(0);
      texture = this._stored(w, h, layers, format, bytes);
    }
    if (!texture) {
      throw new Error(
        `the GPU is out of memory: it has none for a texture of ${w}x${h}x${layers} texels, ${megabytes(bytes)}, beside` +
          ` ${megabytes(this._bytes)} in use; smaller batches or a smaller model take less`,
      );
    }
    return { texture, w, h, layers, format, bytes, holders: 0, freed: false };
  }

  /**
   * A new texture, or null where the GPU has no memory for it.
   * @param {number} w @param {number} h @param {number} layers @param {Format} format @param {number} bytes
   */
  _stored(w, h, layers, format, bytes) {
    const gl = this._gl;
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    this._state.stale = true;
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, this._internal[format], w, h, layers);
    if (bytes >= LARGE_BYTES && gl.getError() === gl.OUT_OF_MEMORY) {
      gl.deleteTexture(texture);
      return null;
    }
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D_ARRAY, filter, gl.NEAREST);
    }
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D_ARRAY, wrap, gl.CLAMP_TO_EDGE);
    }
    return texture;
  }

  /** @param {number} w @param {number} h @param {number} layers @param {string} format */
  _reuse(w, h, layers, format) {
    const texture = this._byShape.get(shapeKey(w, h, layers, format))?.pop();
    if (!texture) return undefined;
    const entry = /** @type {Entry} */ (this._pool.get(texture));
    this._pool.delete(texture);
    this._poolBytes -= entry.bytes;
    entry.freed = false;
    return entry;
  }

  /** Delete the oldest textures of the pool until it holds no more than that. @param {number} bytes */
  _trim(bytes) {
    for (const [texture, entry] of this._pool) {
      if (this._poolBytes <= bytes) break;
      this._pool.delete(texture);
      this._poolBytes -= entry.bytes;
      const same = /** @type {WebGLTexture[]} */ (this._byShape.get(shapeKey(entry.w, entry.h, entry.layers, entry.format)));
      same.splice(same.indexOf(texture), 1);
      this._onDelete(texture);
      this._gl.deleteTexture(texture);
    }
  }
}

/** @param {number} w @param {number} h @param {number} layers @param {string} format */
function bytesOf(w, h, layers, format) {
  return w * h * layers * TEXEL_BYTES[/** @type {Format} */ (format)];
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}

/** @param {number} w @param {number} h @param {number} layers @param {string} format */
function shapeKey(w, h, layers, format) {
  return `${w}x${h}x${layers} ${format}`;
}
