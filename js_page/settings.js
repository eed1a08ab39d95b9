// @ts-check
/** What controls are set to, in the page's address: who has the link sees the same. */

/**
 * What an element's keys begin with: nothing, but for all `linked` elements of a page after the first their `id`, else
 * their number.
 * @param {HTMLElement} element
 */
function prefixOf(element) {
  const root = /** @type {Document | ShadowRoot} */ (element.getRootNode());
  const number = [...root.querySelectorAll(`${element.localName}[linked]`)].indexOf(element);
  return number > 0 ? `${element.id || number + 1}: ` : "";
}

/** @param {HTMLElement} element @returns {Record<string, any>} by the labels of its controls */
export function readSettings(element) {
  const prefix = prefixOf(element);
  /** @type {Record<string, any>} */
  const settings = {};
  for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
    if (!key.startsWith(prefix)) continue;
    try {
      settings[key.slice(prefix.length)] = JSON.parse(text);
    } catch {
      // Somebody else's: addresses may hold anything.
    }
  }
  return settings;
}

/** @param {HTMLElement} element @param {string} label @param {any} value */
export function writeSetting(element, label, value) {
  const settings = new URLSearchParams(location.hash.slice(1));
  settings.set(prefixOf(element) + label, JSON.stringify(value));
  history.replaceState(history.state, "", `#${settings}`);
}
