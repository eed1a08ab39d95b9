// @ts-check
/** HTML that a program shows, without what would run in its page. */

// What runs something, loads a page into the page, or changes what is beside it; and what may make that of something else.
const ACTIVE = "script, iframe, frame, object, embed, base, meta, link, form, template, animate, set";
const ADDRESSES = ["href", "xlink:href", "src", "action", "formaction", "data", "poster"];
// With what separates letters of a scheme, which browsers leave out.
const RUNS = /^[\u0000-\u0020]*j[\s]*a[\s]*v[\s]*a[\s]*s[\s]*c[\s]*r[\s]*i[\s]*p[\s]*t[\s]*:/i;

/**
 * Nodes of HTML, to be put into a page. They are read in a document of their own, where nothing runs and nothing loads.
 * @param {string} html
 * @returns {Node[]}
 */
export function inert(html) {
  const { body } = new DOMParser().parseFromString(`<body>${html}`, "text/html");
  for (const element of body.querySelectorAll("*")) {
    // the page may have defined elements of its own, which are named with a hyphen
    if (element.matches(ACTIVE) || element.localName.includes("-") || element.hasAttribute("is")) element.remove();
    else for (const { name, value } of [...element.attributes]) if (isActive(name, value)) element.removeAttribute(name);
  }
  return [...body.childNodes];
}

/** @param {string} name @param {string} value */
const isActive = (name, value) => /^on/i.test(name) || (ADDRESSES.includes(name.toLowerCase()) && RUNS.test(value));
