// @ts-check
/** Runs of a plan one after the other: one call from the other side of the boundary for all of them. */

/**
 * @typedef {object} RepeatSpec
 * @property {number} plan
 * @property {number} steps
 * @property {number[]} inputs
 * @property {[number, number][]} swaps numbers of inputs and of the outputs that take their place in the next run
 * @property {number[]} kept numbers of the outputs that are wanted of each run; of others the last counts
 * @property {number[]} scalars in the first run
 * @property {number[]} increments of the scalars per run
 * @property {number[]} freed textures that nobody needs any more
 */

/**
 * @param {{run: (plan: number, inputs: number[], scalars: number[], freed: number[]) => number[], free: (ids: Iterable<number>) => void}} device
 * @param {RepeatSpec} spec
 * @returns {number[]} the outputs of each run, in order; 0 for those that are gone
 */
export function repeat(device, { plan, steps, inputs, swaps, kept, scalars, increments, freed }) {
  const given = [...inputs];
  /** @type {number[]} */
  const made = [];
  let outputs = /** @type {number[]} */ ([]);
  try {
    for (let i = 0; i < steps; i++) {
      const before = outputs;
      outputs = device.run(plan, given, scalars.map((value, k) => value + i * increments[k]), i ? [] : freed);
      const gone = before.filter((_, o) => !kept.includes(o));
      device.free(gone);
      made.splice(made.length - before.length, before.length, ...before.map((id) => (gone.includes(id) ? 0 : id)));
      made.push(...outputs);
      for (const [input, output] of swaps) given[input] = outputs[output];
    }
  } catch (error) {
    device.free(made.filter((id) => id));
    throw error;
  }
  return made;
}
