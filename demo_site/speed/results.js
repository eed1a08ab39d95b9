// @ts-check
/** Results as tables with bars, and as text that fits a link. */

/**
 * @typedef {object} Result of a workload, by contender
 * @property {Record<string, Record<string, number>>} ms of a step, every way there is
 * @property {Record<string, number>} first milliseconds of the first step
 * @property {Record<string, string>} cannot why a contender does not run it
 */
/** @typedef {{workloads: Record<string, Result>, machine: {renderer: string, cores: number, browser: string, date: string}}} Results */

/** Of the ways that a contender ran, the fastest. @param {Record<string, number>} ways */
const best = (ways) => Math.min(...Object.values(ways));

/** @param {number} ms */
const text = (ms) => (ms >= 10 ? ms.toFixed(0) : ms.toPrecision(2));

/** @param {Results} results @returns {string} */
export function packed(results) {
  const bytes = new TextEncoder().encode(JSON.stringify(results, (_, value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value)));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What comes from a link may be anything: it is checked here, and shown as text only. @param {string} hash @returns {Results} */
export function unpacked(hash) {
  const bytes = Uint8Array.from(atob(hash.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const { workloads, machine } = JSON.parse(new TextDecoder().decode(bytes));
  const isNumbers = (/** @type {any} */ o) => Object.values(o).every((v) => typeof v === "number" && v >= 0);
  for (const { ms, first, cannot } of Object.values(workloads)) {
    if (!Object.values(ms).every(isNumbers) || !isNumbers(first)) throw new TypeError("times must be numbers");
    if (!Object.values(cannot).every((v) => typeof v === "string")) throw new TypeError("reasons must be text");
  }
  return { workloads, machine };
}

/** @param {string} tag @param {string} [content] @param {string} [className] */
function element(tag, content = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = content;
  made.className = className;
  return made;
}

/** A table for each workload. @param {Results} results @param {Record<string, string>} names @param {Record<string, string>} titles */
export function tables({ workloads }, names, titles) {
  return Object.entries(workloads).map(([key, workload]) => table(titles[key] ?? key, workload, names));
}

/** @param {string} title @param {Result} result @param {Record<string, string>} names */
function table(title, { ms, first, cannot }, names) {
  const made = element("table");
  const rows = Object.entries(ms).map(([who, ways]) => ({ who, ms: best(ways) }));
  rows.sort((a, b) => a.ms - b.ms);
  const [least, most] = [rows[0]?.ms ?? 1, rows.at(-1)?.ms ?? 1];
  const head = element("tr");
  for (const [name, kind] of [["Who", ""], ["ms a step", "number"], ["times", "number"], ["first step", "number"], ["", "bar"]]) {
    const cell = element("th", name, kind);
    cell.setAttribute("scope", "col");
    head.append(cell);
  }
  const body = element("tbody");
  for (const { who, ms } of rows) {
    const row = element("tr", "", who.includes("_") ? "" : "ours");
    const name = element("th", names[who] ?? who);
    name.setAttribute("scope", "row");
    const bar = element("td", "", "bar");
    bar.setAttribute("aria-hidden", "true");
    const line = element("span");
    line.style.width = `${(100 * ms) / most}%`;
    bar.append(line);
    row.append(name, element("td", text(ms), "number"), element("td", `${text(ms / least)}x`, "number"), element("td", `${text(first[who])} ms`, "number"), bar);
    body.append(row);
  }
  for (const [who, why] of Object.entries(cannot)) {
    const row = element("tr");
    const name = element("th", names[who] ?? who);
    const reason = element("td", `cannot: ${why}`);
    name.setAttribute("scope", "row");
    /** @type {HTMLTableCellElement} */ (reason).colSpan = 4;
    row.append(name, reason);
    body.append(row);
  }
  const top = element("thead");
  top.append(head);
  made.append(element("caption", title), top, body);
  return made;
}
