// @ts-check
/** A WebGL2 context that can compute, or an error that says what is missing. */

import { ownDocument } from "../page.js";

export const LOST = "the browser took the GPU away (WebGL context lost)";

const ATTRIBUTES = {
  antialias: false,
  alpha: false,
  depth: false,
  stencil: false,
  preserveDrawingBuffer: false,
  powerPreference: "high-performance",
};

/**
 * @typedef {object} Caps
 * @property {number} maxTextureSize
 * @property {number} maxDrawBuffers
 * @property {number} maxArrayLayers
 * @property {number} maxTextureUnits
 * @property {boolean} floatTargets whether draws can write floats; where they cannot, they write floats' bits as integers
 * @property {boolean} halfTargets whether draws can write half precision
 * @property {boolean} floatBlend
 * @property {boolean} parallelCompile
 * @property {string} renderer
 * @property {string} vendor
 */

/**
 * What the executor remembers of the context. Who binds a texture or a program behind its back makes it stale.
 * @typedef {{stale: boolean}} State
 */

/**
 * @param {HTMLCanvasElement | OffscreenCanvas} [given]
 * @returns {{gl: WebGL2RenderingContext, canvas: HTMLCanvasElement | OffscreenCanvas, caps: Caps}}
 */
export function createContext(given) {
  const canvas = given ?? newCanvas();
  const gl = /** @type {WebGL2RenderingContext | null} */ (canvas.getContext("webgl2", ATTRIBUTES));
  if (!gl) throw new Error("WebGL2 is not available in this browser");
  for (const capability of [gl.DEPTH_TEST, gl.STENCIL_TEST, gl.BLEND, gl.DITHER, gl.CULL_FACE, gl.SCISSOR_TEST]) {
    gl.disable(capability);
  }
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.pixelStorei(gl.PACK_ALIGNMENT, 1);
  gl.bindVertexArray(gl.createVertexArray());
  const floatTargets = gl.getExtension("EXT_color_buffer_float") !== null;
  const unmasked = gl.getExtension("WEBGL_debug_renderer_info");
  const caps = {
    maxTextureSize: gl.getParameter(gl.MAX_TEXTURE_SIZE),
    maxDrawBuffers: gl.getParameter(gl.MAX_DRAW_BUFFERS),
    maxArrayLayers: gl.getParameter(gl.MAX_ARRAY_TEXTURE_LAYERS),
    maxTextureUnits: gl.getParameter(gl.MAX_TEXTURE_IMAGE_UNITS),
    floatTargets,
    halfTargets: floatTargets || gl.getExtension("EXT_color_buffer_half_float") !== null,
    floatBlend: gl.getExtension("EXT_float_blend") !== null,
    parallelCompile: gl.getExtension("KHR_parallel_shader_compile") !== null,
    renderer: String(gl.getParameter(unmasked ? unmasked.UNMASKED_RENDERER_WEBGL : gl.RENDERER)),
    vendor: String(gl.getParameter(unmasked ? unmasked.UNMASKED_VENDOR_WEBGL : gl.VENDOR)),
  };
  if (caps.maxDrawBuffers < 8) {
    throw new Error(`this GPU writes ${caps.maxDrawBuffers} textures at a time; weblayers needs 8`);
  }
  return { gl, canvas, caps };
}

/** @param {WebGL2RenderingContext} gl @throws {Error} where the context is lost, which calls of WebGL do not say */
export function checkAlive(gl) {
  if (gl.isContextLost()) throw new Error(LOST);
}

/** On a page a canvas element: fences of an OffscreenCanvas there never signal in Safari (tfjs PR 7436). */
function newCanvas() {
  return ownDocument()?.createElement("canvas") ?? new OffscreenCanvas(1, 1);
}
