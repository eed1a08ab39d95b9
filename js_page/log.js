// @ts-check
/** What a program prints, as lines for its page. */

/** @typedef {import("./program.js").ProgramEvent} ProgramEvent */
/** @typedef {{stream: "out" | "err", text: string}} Line */

// Lines go to the page as they are printed, so that one that hangs has said what it was about; of a program that prints all
// the time they go together, as many as a page can show meanwhile.
const LOG_MS = 50;
const MOST_TELLINGS = 30;
const MOST_LINES = 100;
const MOST_LETTERS = 20_000;
// What has a terminal change its colours, move its cursor or take a title.
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])/g;

/** A line as a terminal has it in the end, but for colours. @param {string} text */
const asSeen = (text) => begunAnew(text).replace(/\r+$/, "").replace(ESCAPES, "");

/** What carriage returns have let stand of a line; those at its end have not overwritten anything yet. @param {string} text */
const begunAnew = (text) => text.replace(/^.*\r(?=[^\r])/s, "");

/** Gathers lines that go together; of those that nobody could read, the last ones. */
export class Log {
  /** @param {(event: ProgramEvent) => void} post */
  constructor(post) {
    this._post = post;
    /** @type {Line[]} */
    this._lines = [];
    this._left = 0;
    this._isDue = false;
    // how often it may tell at once, and when that was reckoned
    this._tellings = MOST_TELLINGS;
    this._reckoned = 0;
    /** @type {Record<"out" | "err", {decoder: TextDecoder, rest: string}>} */
    this._streams = { out: { decoder: new TextDecoder(), rest: "" }, err: { decoder: new TextDecoder(), rest: "" } };
  }

  /** A stream for Pyodide. @param {"out" | "err"} name */
  stream(name) {
    return {
      write: (/** @type {Uint8Array} */ bytes) => {
        const stream = this._streams[name];
        const lines = (stream.rest + stream.decoder.decode(bytes, { stream: true })).split("\n");
        // bars of progress, which never end a line, would grow without end
        stream.rest = begunAnew(/** @type {string} */ (lines.pop()));
        for (const line of lines) this.add(name, asSeen(line));
        return bytes.length;
      },
      isatty: false,
    };
  }

  /** @param {"out" | "err"} stream @param {string} text */
  add(stream, text) {
    this._lines.push({ stream, text: text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)} …` : text });
    if (this._lines.length > 2 * MOST_LINES) this._shorten();
    const now = performance.now();
    this._tellings = Math.min(MOST_TELLINGS, this._tellings + (now - this._reckoned) / LOG_MS);
    this._reckoned = now;
    if (this._tellings >= 1) {
      this._tellings--;
      this._tell();
    } else if (!this._isDue) {
      this._isDue = true;
      setTimeout(() => this._tell(), LOG_MS);
    }
  }

  /** Tell of everything, lines that have not ended among them. */
  flush() {
    for (const name of /** @type {const} */ (["out", "err"])) {
      if (this._streams[name].rest) this.add(name, asSeen(this._streams[name].rest));
      this._streams[name].rest = "";
    }
    this._tell();
  }

  _shorten() {
    this._left += this._lines.length - MOST_LINES;
    this._lines = this._lines.slice(-MOST_LINES);
  }

  _tell() {
    this._isDue = false;
    if (this._lines.length > MOST_LINES) this._shorten();
    /** @type {Line[]} */
    const left = this._left ? [{ stream: "err", text: `(${this._left} lines were too many to show)` }] : [];
    if (this._lines.length) this._post({ type: "log", lines: [...left, ...this._lines] });
    this._lines = [];
    this._left = 0;
  }
}
