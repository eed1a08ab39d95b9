// @ts-check
/** The memory of all modules: it grows by need, and is exchanged for a smaller one when little of it is in use. */

import { Heap } from "./heap.js";

const PAGE = 2 ** 16;
const MOST_PAGES = 2 ** 16;
/** So much lies before and behind what is given out: functions may read there, and nobody looks at what. */
const MARGIN = 2 ** 20;
/** A memory of this size is not worth a move. */
const SMALL = 64 * 2 ** 20;

export class Arena {
  constructor() {
    this.memory = new WebAssembly.Memory({ initial: (2 * MARGIN) / PAGE + 16 });
    this.heap = new Heap(MARGIN);
    // the same bytes, three times
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Uint32Array(this.memory.buffer);
    this.floats = new Float32Array(this.memory.buffer);
  }

  /** Growing detaches what was seen before. */
  _look() {
    const { buffer } = this.memory;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  /** @param {number} size in bytes @returns {number} the address */
  alloc(size) {
    const address = this.heap.alloc(size);
    const missing = this.heap.end + MARGIN - this.bytes.length;
    if (missing > 0) {
      const pages = this.bytes.length / PAGE;
      const needed = Math.ceil(missing / PAGE);
      // twice as much as before, so that it grows seldom
      if (!this._grow(Math.max(needed, Math.min(pages, MOST_PAGES - pages))) && !this._grow(needed)) {
        this.heap.free(address);
        throw new Error(
          `WebAssembly has no memory for ${size} more bytes: ${this.heap.used} are in use. ` +
            "Smaller batches or layers, or disposing of tensors, help",
        );
      }
    }
    return address;
  }

  /** @param {number} pages */
  _grow(pages) {
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    this._look();
    return true;
  }

  /** @param {number} address */
  free(address) {
    this.heap.free(address);
  }

  /** Whether most of the memory was needed once and is not any more. */
  isSparse() {
    return this.bytes.length > SMALL && this.heap.used < this.bytes.length / 8;
  }

  /**
   * Move what is in use to a new memory.
   * @param {{address: number, size: number}[]} spans all there are; they get their new addresses
   */
  compact(spans) {
    const old = this.bytes;
    Object.assign(this, new Arena());
    for (const span of spans) {
      const address = this.alloc(span.size);
      this.bytes.set(old.subarray(span.address, span.address + span.size), address);
      span.address = address;
    }
  }
}
