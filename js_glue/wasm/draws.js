// @ts-check
/** Draws on the CPU for as long as there is time. One that would take longer is cut between rows. */

/** @typedef {import("./module.js").Record} Record */

// Draws of so much work are timed, and cut; smaller ones are timed together.
const LARGE = 2e6;
// A guess, until it is known.
const MS_PER_WORK = 2e-7;

export class Draws {
  /**
   * @param {() => Record[]} begin gives the draws of a run
   * @param {(count: number) => boolean} finish is told of their end; says whether the next run may begin at once
   */
  constructor(begin, finish) {
    this._begin = begin;
    this._finish = finish;
    /** Of the run under way. @type {Record[] | null} */
    this._records = null;
    // the draw that comes next, and its next row
    this._draw = 0;
    this._from = 0;
  }

  /** Whether a run is made in part. */
  get isAmid() {
    return this._records !== null;
  }

  /** Leave the run under way as it is. */
  drop() {
    this._records = null;
    this._draw = this._from = 0;
  }

  /** Make draws until a time. @param {number} end */
  make(end) {
    // work since the time was looked at; what a run costs beside its draws counts too, as small runs are many
    let work = 0;
    for (;;) {
      const records = (this._records ??= this._begin());
      while (this._draw < records.length) {
        const record = records[this._draw];
        if (record.work < LARGE) {
          record.run(record.args, record.from, record.to);
          work += record.work;
        } else {
          this._part(record, end);
          work = LARGE;
          if (this._from) return;
        }
        this._draw++;
        if (work >= LARGE && this._draw < records.length) {
          if (performance.now() >= end) return;
          work = 0;
        }
      }
      this.drop();
      if (!this._finish(records.length)) return;
      work += LARGE / 64;
      if (work >= LARGE) {
        if (performance.now() >= end) return;
        work = 0;
      }
    }
  }

  /** As many rows of a large draw as there is time for. @param {Record} record @param {number} end */
  _part(record, end) {
    const begun = performance.now();
    const first = this._from || record.from;
    const msPerRow = record.msPerRow || (record.work * MS_PER_WORK) / (record.to - record.from);
    const last = Math.min(record.to, first + Math.max(1, Math.round((end - begun) / msPerRow)));
    record.run(record.args, first, last);
    record.msPerRow = (performance.now() - begun) / (last - first);
    this._from = last < record.to ? last : 0;
  }
}
