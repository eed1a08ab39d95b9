// @ts-check
/** Counts what WebGL contexts of the page draw, write and hold, whoever's they are. */

/** Bytes of a texel. @type {Record<number, number>} */
const TEXEL = {
  [WebGL2RenderingContext.RGBA32F]: 16,
  [WebGL2RenderingContext.RGBA16F]: 8,
  [WebGL2RenderingContext.R32F]: 4,
  [WebGL2RenderingContext.R16F]: 2,
  [WebGL2RenderingContext.RGBA8]: 4,
  [WebGL2RenderingContext.RGBA]: 4,
};

/** @typedef {{draws: number, written: number, held: number, peak: number}} Counts all but draws in bytes */

/** @type {Counts} */
export const counts = { draws: 0, written: 0, held: 0, peak: 0 };

/** @type {WeakMap<WebGLTexture, {texel: number, bytes: number}>} */
const textures = new WeakMap();
/** What is attached to a framebuffer. @type {WeakMap<WebGLFramebuffer, Map<number, WebGLTexture>>} */
const attached = new WeakMap();
/** @type {WeakMap<WebGL2RenderingContext, {texture: WebGLTexture | null, framebuffer: WebGLFramebuffer | null, area: number}>} */
const states = new WeakMap();

/** @param {WebGL2RenderingContext} gl */
function stateOf(gl) {
  const known = states.get(gl) ?? { texture: null, framebuffer: null, area: 0 };
  states.set(gl, known);
  return known;
}

/** @param {WebGLTexture} texture */
function forget(texture) {
  counts.held -= textures.get(texture)?.bytes ?? 0;
  textures.delete(texture);
}

/** @param {WebGL2RenderingContext} gl @param {number} format @param {number} texels */
function allocated(gl, format, texels) {
  const { texture } = stateOf(gl);
  if (!texture) return;
  if (!(format in TEXEL)) throw new Error(`nobody has said how large a texel of format ${format} is`);
  forget(texture);
  const bytes = TEXEL[format] * texels;
  textures.set(texture, { texel: TEXEL[format], bytes });
  counts.held += bytes;
  counts.peak = Math.max(counts.peak, counts.held);
}

/** @param {WebGL2RenderingContext} gl */
function drawn(gl) {
  const { framebuffer, area } = stateOf(gl);
  counts.draws++;
  for (const texture of attached.get(framebuffer ?? {})?.values() ?? []) {
    counts.written += area * (textures.get(texture)?.texel ?? 0);
  }
}

/** @type {Record<string, (gl: WebGL2RenderingContext, ...args: any[]) => void>} */
const WATCHED = {
  bindTexture: (gl, _, texture) => (stateOf(gl).texture = texture),
  deleteTexture: (_, texture) => texture && forget(texture),
  texStorage2D: (gl, _, levels, format, width, height) => allocated(gl, format, width * height),
  texStorage3D: (gl, _, levels, format, width, height, depth) => allocated(gl, format, width * height * depth),
  texImage2D: (gl, _, level, format, width, height) => typeof height === "number" && allocated(gl, format, width * height),
  bindFramebuffer: (gl, target, framebuffer) => {
    if (target !== gl.READ_FRAMEBUFFER) stateOf(gl).framebuffer = framebuffer;
  },
  framebufferTexture2D: (gl, _, attachment, target, texture) => attach(gl, attachment, texture),
  framebufferTextureLayer: (gl, _, attachment, texture) => attach(gl, attachment, texture),
  viewport: (gl, x, y, width, height) => (stateOf(gl).area = width * height),
  drawArrays: drawn,
  drawElements: drawn,
};

/** @param {WebGL2RenderingContext} gl @param {number} attachment @param {WebGLTexture | null} texture */
function attach(gl, attachment, texture) {
  const { framebuffer } = stateOf(gl);
  if (!framebuffer) return;
  const all = attached.get(framebuffer) ?? new Map();
  attached.set(framebuffer, all);
  if (texture) all.set(attachment, texture);
  else all.delete(attachment);
}

/** Count from now on, in contexts that are made later too. */
export function startCounting() {
  const prototype = /** @type {any} */ (WebGL2RenderingContext.prototype);
  for (const [name, watch] of Object.entries(WATCHED)) {
    const original = prototype[name];
    prototype[name] = function (/** @type {any[]} */ ...args) {
      watch(this, ...args);
      return original.apply(this, args);
    };
  }
}
