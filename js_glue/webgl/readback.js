// @ts-check
/** Texels back to the host: through a pixel-pack buffer and a fence, or at once for those who must wait. */

import { checkAlive } from "./context.js";
import { Fences } from "./fences.js";

export class Readback {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {import("./textures.js").Textures} textures
   * @param {import("../counters.js").Counters} counters
   */
  constructor(gl, textures, counters) {
    this._gl = gl;
    this._textures = textures;
    this._counters = counters;
    this.fences = new Fences(gl);
    this._framebuffer = gl.createFramebuffer();
  }

  /**
   * All layers of a region.
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   * @param {boolean} eager whether it is soon done; see Fences
   * @returns {Promise<Float32Array>}
   */
  async read(id, x, y, w, h, eager) {
    const gl = this._gl;
    const { layers, format } = this._textures.get(id);
    const { format: order, type } = this._textures.transfers[format];
    const layerBytes = w * h * 4 * (format === "rgba8" ? 1 : 4);
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
    gl.bufferData(gl.PIXEL_PACK_BUFFER, layerBytes * layers, gl.STREAM_READ);
    this._layers(id, (layer) => gl.readPixels(x, y, w, h, order, type, layer * layerBytes));
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    try {
      await this.fences.insert(eager);
      const out = format === "rgba8" ? new Uint8Array(layerBytes * layers) : new Float32Array((layerBytes * layers) / 4);
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, buffer);
      gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, out);
      gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
      checkAlive(gl);
      return out instanceof Float32Array ? out : Float32Array.from(out);
    } finally {
      gl.deleteBuffer(buffer);
    }
  }

  /**
   * The same, waiting for the GPU.
   * @param {number} id @param {number} x @param {number} y @param {number} w @param {number} h
   */
  readSync(id, x, y, w, h) {
    const gl = this._gl;
    const { layers, format } = this._textures.get(id);
    const { format: order, type, view } = this._textures.transfers[format];
    const size = w * h * 4;
    const out = format === "rgba8" ? new Uint8Array(size * layers) : new Float32Array(size * layers);
    this._layers(id, (layer) => {
      gl.readPixels(x, y, w, h, order, type, view(out.subarray(layer * size, (layer + 1) * size)));
    });
    checkAlive(gl);
    return out instanceof Float32Array ? out : Float32Array.from(out);
  }

  /** @param {Error} error */
  fail(error) {
    this.fences.fail(error);
  }

  /** @param {number} id @param {(layer: number) => void} read */
  _layers(id, read) {
    const gl = this._gl;
    const { texture, layers } = this._textures.get(id);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this._framebuffer);
    for (let layer = 0; layer < layers; layer++) {
      gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, texture, 0, layer);
      read(layer);
    }
    gl.framebufferTextureLayer(gl.READ_FRAMEBUFFER, gl.COLOR_ATTACHMENT0, null, 0, 0);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, null);
  }
}
