// @ts-check
/** What controls are set to, in the page's address: who has the link sees the same. */

/** @returns {Record<string, any>} by the controls' labels */
export function readSettings() {
  /** @type {Record<string, any>} */
  const settings = {};
  for (const [label, text] of new URLSearchParams(location.hash.slice(1))) {
    try {
      settings[label] = JSON.parse(text);
    } catch {
      // Somebody else's: addresses may hold anything.
    }
  }
  return settings;
}

/** @param {string} label @param {any} value */
export function writeSetting(label, value) {
  const settings = new URLSearchParams(location.hash.slice(1));
  settings.set(label, JSON.stringify(value));
  history.replaceState(history.state, "", `#${settings}`);
}
