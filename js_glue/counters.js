// @ts-check
/** Counts what was done, so that tests can assert what must not depend on the machine's speed. */

function zeros() {
  return {
    draws: 0,
    runs: 0,
    uploads: 0,
    reads: 0,
    syncReads: 0,
    /** Calls that waited for the GPU. */
    syncWaits: 0,
    /** Programs whose link status was asked for where the browser cannot say whether it is ready. */
    linkWaits: 0,
    steps: 0,
    slices: 0,
    plansLoaded: 0,
    programsLinked: 0,
    /** Calls from the other side of the boundary. */
    calls: 0,
    longestTaskMs: 0,
  };
}

export class Counters {
  constructor() {
    this.now = zeros();
  }

  reset() {
    this.now = zeros();
  }

  /** A task of the page took so long. @param {number} milliseconds */
  task(milliseconds) {
    this.now.longestTaskMs = Math.max(this.now.longestTaskMs, milliseconds);
  }

  snapshot() {
    return { ...this.now };
  }
}
