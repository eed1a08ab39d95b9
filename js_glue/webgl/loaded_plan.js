// @ts-check
/** A plan on the GPU: its programs and constants, shared by everybody who runs it and let go with the last of them. */

import { evaluator } from "../scalars.js";

/** @typedef {import("../plan.js").Plan} Plan */

export class LoadedPlan {
  /**
   * @param {import("./device.js").Device} device
   * @param {Plan} plan
   */
  constructor({ textures, programs, queue }, plan) {
    this._textures = textures;
    this._programs = programs;
    this._users = 1;
    this.scalars = evaluator(plan.scalarInputs, plan.scalarOps);
    const specs = plan.constants.map(({ texture }) => plan.textures[texture]);
    const ids = textures.allocAll(specs);
    plan.constants.forEach(({ data }, i) => {
      queue.add({ work: 0, issue: textures.uploading(ids[i], 0, 0, specs[i][0], specs[i][1], data) });
    });
    /** The texture of each constant, by its slot. */
    this._constants = new Map(plan.constants.map(({ texture }, i) => [texture, ids[i]]));
    this.draws = plan.draws;
    this.outputs = plan.outputs.map(([w, h, layers]) => /** @type {import("./textures.js").Spec} */ ([w, h, layers, "rgba32f"]));
    this.programs = plan.shaders.map((source) => programs.get(source));
    this._specs = plan.textures;
  }

  /** The specs of the plan's own slots. */
  get textures() {
    return this._specs.filter((_, slot) => !this._constants.has(slot));
  }

  /**
   * The textures of the plan's own slots, for one who runs it: two who are amid a step must not share what it computes on
   * the way.
   */
  take() {
    const made = this._textures.allocAll(this.textures);
    this._users++;
    let next = 0;
    return this._specs.map((_, slot) => this._constants.get(slot) ?? made[next++]);
  }

  /** The end of {@link take}. @param {number[]} ids */
  giveBack(ids) {
    // backwards: the next run finds each texture where it was, and so its framebuffers
    this._textures.free(ids.filter((_, slot) => !this._constants.has(slot)).reverse());
    this.release();
  }

  /** One user less. */
  release() {
    if (--this._users) return;
    this._textures.free(this._constants.values());
    this._programs.release(this.programs);
  }
}
