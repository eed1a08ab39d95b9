// @ts-check
/** Plans as Python's compiler serializes them: magic, header length, JSON header, constants. */

/**
 * @typedef {object} DrawSpec
 * @property {number} shader
 * @property {[number, number][]} targets slot and layer
 * @property {[number, number, number, number]} viewport
 * @property {number[]} samplers slots
 * @property {number[]} uniforms registers of the scalar program
 * @property {number} work what the draw costs, in units of nobody's choice
 */

/**
 * @typedef {object} Call a draw as a call of a module's function
 * @property {number} function
 * @property {number} first column
 * @property {[number, number]} rows
 * @property {number[]} samplers slots
 * @property {number[]} targets slots
 * @property {number[]} uniforms registers of the scalar program
 * @property {number} work what the draw costs, in units of nobody's choice
 */

/**
 * @template [Draw=DrawSpec]
 * @typedef {object} Plan
 * @property {import("./webgl/textures.js").Spec[]} textures
 * @property {{texture: number, data: Float32Array}[]} constants
 * @property {number} inputs
 * @property {[number, number, number][]} outputs
 * @property {string[]} shaders none where there is a module
 * @property {Uint8Array} module
 * @property {number} scalarInputs
 * @property {any[][]} scalarOps
 * @property {Draw[]} draws
 */

const MAGIC = "WLP1";

/**
 * @param {Uint8Array} bytes
 * @returns {Plan<any>} with draws or with calls, as Python has printed it
 */
export function parsePlan(bytes) {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic !== MAGIC) throw new Error(`not a plan: it begins with ${JSON.stringify(magic)}, not ${MAGIC}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  if (header.version !== 1) throw new Error(`plan of version ${header.version}; this glue knows version 1`);
  const end = bytes.length - (header.module ?? 0);
  // the bytes may lie at any offset: a copy is aligned
  const floats = new Float32Array(bytes.slice(8 + length, end).buffer);
  return {
    textures: header.textures,
    constants: header.constants.map((/** @type {number[]} */ [texture, offset, count]) => ({
      texture,
      data: floats.subarray(offset, offset + count),
    })),
    inputs: header.inputs,
    outputs: header.outputs,
    shaders: header.shaders ?? [],
    module: bytes.slice(end),
    scalarInputs: header.scalar_inputs,
    scalarOps: header.scalar_ops,
    draws: header.draws,
  };
}
