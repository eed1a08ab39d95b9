// @ts-check
/** What has gone wrong, in words: why the program has ended, and beside it what a control or a task has failed by last. */

/**
 * @typedef {object} Problem
 * @property {string} text
 * @property {string | null} [id] of the control or task; the program has none
 * @property {string} [advice]
 * @property {number | null} [line]
 * @property {string} [source]
 * @property {string} [traceback]
 */
/** @typedef {{id: string | null, told: string, part: HTMLElement}} Shown */

export class Failures {
  /** @param {HTMLElement} root */
  constructor(root) {
    this._root = root;
    root.setAttribute("role", "alert");
    // what is there already is not said again
    root.setAttribute("aria-atomic", "false");
    /** @type {Shown | null} */
    this._own = null;
    /** @type {Shown | null} */
    this._beside = null;
    this.clear();
  }

  /** Whether the program has failed, and not a control or a task of it. */
  get hasFailed() {
    return this._own !== null;
  }

  /** @param {Problem} problem */
  show(problem) {
    const { id = null, text, line } = problem;
    // A reader that speaks says it once, however often a slider is moved.
    const told = JSON.stringify([id, text, line]);
    const before = id ? this._beside : this._own;
    if (told === before?.told) return;
    before?.part.remove();
    const shown = { id, told, part: partOf(problem) };
    if (id) this._root.append(shown.part);
    else this._root.prepend(shown.part);
    if (id) this._beside = shown;
    else this._own = shown;
    this._root.hidden = false;
  }

  /** A control works again: what it has said is over. @param {string} id */
  forgive(id) {
    if (this._beside?.id !== id) return;
    this._beside.part.remove();
    this._beside = null;
    this._root.hidden = !this._own;
  }

  clear() {
    this._own = this._beside = null;
    this._root.replaceChildren();
    this._root.hidden = true;
  }
}

/** @param {Problem} problem */
function partOf({ text, advice, line, source, traceback }) {
  const part = document.createElement("div");
  const at = line ? [`Line ${line}`, source].filter(Boolean).join(": ") : "";
  part.append(element("strong", text));
  for (const each of [at, advice]) if (each) part.append(element("p", each));
  if (traceback) {
    const details = document.createElement("details");
    details.append(element("summary", "Details"), element("pre", traceback));
    part.append(details);
  }
  return part;
}

/** @param {string} tag @param {string} text */
function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}
