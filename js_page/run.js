// @ts-check
/**
 * Defines `<weblayers-run>`. A plain script and no module: it works, or says why nothing else does, also where modules
 * are not to be had, as in a page that was opened as a file.
 */

import { defineElement } from "./element.js";

const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
defineElement(new URL("./", script?.src || document.baseURI).href);
