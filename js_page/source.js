// @ts-check
/** The program of an element: from a file of its own, or from a script inside. */

/**
 * @param {HTMLElement} element
 * @returns {Promise<{source: string, name: string}>}
 */
export async function readSource(element) {
  const src = element.getAttribute("src");
  if (!src) {
    const inside = 'script[type="text/x-python"], script[type="text/python"], script[type="py"], textarea, pre';
    return { source: dedented(element.querySelector(inside)?.textContent ?? ""), name: "program.py" };
  }
  const url = new URL(src, document.baseURI);
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${url.href}: ${error instanceof Error ? error.message : error}`);
  }
  if (!response.ok) throw new Error(`${url.href}: the server answered ${response.status}`);
  const source = await response.text();
  if (/^\s*<!doctype|^\s*<html/i.test(source)) throw new Error(`${url.href}: the server sent a page, which is no program`);
  return { source, name: decoded(url.pathname).split("/").at(-1) || "program.py" };
}

/** The name of a file in an address: without its percent escapes, if that is what they are. @param {string} address */
export function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** Without what all lines are indented by, as programs in a page are. @param {string} text */
export function dedented(text) {
  const lines = text.replace(/^\s*\n/, "").trimEnd().split("\n");
  const indents = lines.filter((line) => line.trim()).map((line) => /** @type {string[]} */ (line.match(/^[ \t]*/))[0]);
  const common = indents.reduce((a, b) => {
    let length = 0;
    while (length < Math.min(a.length, b.length) && a[length] === b[length]) length++;
    return a.slice(0, length);
  }, indents[0] ?? "");
  return lines.map((line) => line.slice(common.length)).join("\n") + "\n";
}
