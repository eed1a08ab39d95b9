// @ts-check
/** Which parts of a linear memory are in use. */

const ALIGNMENT = 64;

export class Heap {
  /** @param {number} begin where the memory begins that is given out */
  constructor(begin) {
    /** What is beyond was never given out. */
    this.end = begin;
    this.used = 0;
    /** @type {Map<number, number>} the bytes of each span in use */
    this._sizes = new Map();
    /** Free spans by address, none touching the next. @type {[address: number, size: number][]} */
    this._free = [];
  }

  get spans() {
    return this._sizes.size;
  }

  /** The first span that is large enough. @param {number} bytes @returns {number} its address */
  alloc(bytes) {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const i = this._free.findIndex(([, room]) => room >= size);
    let address = this.end;
    if (i < 0) this.end += size;
    else {
      const [at, room] = this._free[i];
      address = at;
      if (room > size) this._free[i] = [at + size, room - size];
      else this._free.splice(i, 1);
    }
    this._sizes.set(address, size);
    this.used += size;
    return address;
  }

  /** @param {number} address */
  free(address) {
    let size = /** @type {number} */ (this._sizes.get(address));
    this._sizes.delete(address);
    this.used -= size;
    let i = this._after(address);
    if (i < this._free.length && this._free[i][0] === address + size) size += this._free.splice(i, 1)[0][1];
    if (i > 0 && this._free[i - 1][0] + this._free[i - 1][1] === address) {
      const [[before, room]] = this._free.splice(--i, 1);
      address = before;
      size += room;
    }
    if (address + size === this.end) this.end = address;
    else this._free.splice(i, 0, [address, size]);
  }

  /** The number of the first free span behind an address. @param {number} address */
  _after(address) {
    let low = 0;
    let high = this._free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._free[middle][0] < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
