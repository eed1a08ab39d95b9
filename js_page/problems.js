// @ts-check
/** What can be wrong with a page, in plain words: what is missing, and what to do. */

/** @returns {string | null} what keeps this page from running Python at all */
export function missing() {
  if (location.protocol === "file:") {
    return (
      "This page was opened as a file, and browsers let such pages load nothing else. It needs a web server: run " +
      "“weblayers serve” (or “python -m http.server”) in its folder and open the address that it prints."
    );
  }
  if (typeof WebAssembly !== "object") {
    return "This browser has no WebAssembly, which Python needs, or has it switched off (as “lockdown mode” does).";
  }
  return null;
}

/** @type {[RegExp, string][]} */
const CAUSES = [
  [
    /wasm-unsafe-eval|unsafe-eval|WebAssembly.*(disallowed|blocked|policy)|Content Security Policy/i,
    "The page's content-security policy forbids WebAssembly. Its script-src needs 'wasm-unsafe-eval'.",
  ],
  [
    /sent a page/,
    "The server sent a page in its place: it is not there, or the server answers every address with the same page. " +
      "Upload the whole runtime folder.",
  ],
  [/server answered 40[34]|status 40[34]/, "A file is missing on the server. Upload the whole runtime folder, and every file of the program."],
  [
    /Failed to fetch dynamically imported|error loading dynamically imported|Importing a module script failed|MIME|module script/i,
    "A module could not be loaded: the file is missing, the content-security policy forbids it, or the server sends .js " +
      "and .mjs files with another type than text/javascript.",
  ],
  [
    /Failed to fetch|NetworkError|Load failed|could not be loaded/i,
    "A file could not be loaded: the network is gone, the policy's connect-src forbids it, or another origin does not " +
      "allow this page to read it.",
  ],
  [/out of memory|memory access|Array buffer allocation|could not allocate/i, "The browser has no more memory for this page."],
  [
    /is damaged|broke off|SyntaxError|Unexpected (end|token)|Invalid or unexpected|JSON/i,
    "What the server sent is damaged, cut off, or another file than was asked for. Upload the whole runtime folder again.",
  ],
];

/**
 * @param {string} message of an error while loading
 * @returns {string} what is probably missing, and the file's address where it is known
 */
function causeOf(message) {
  if (self.origin === "null") {
    return 'The page is in a sandbox without an origin: its iframe needs sandbox="allow-scripts allow-same-origin".';
  }
  const cause = CAUSES.find(([pattern]) => pattern.test(message))?.[1];
  const file = message.match(/https?:\/\/\S+\.\w+/)?.[0];
  return cause && file ? `${file}: ${cause}` : (cause ?? "");
}

/** @param {unknown} error while loading, whose last line says what came of what @param {string} what has failed */
export function problemOf(error, what) {
  const message = error instanceof Error ? error.message : String(error);
  return { text: `${what}: ${message.trim().split("\n").at(-1)}`, advice: causeOf(message), traceback: message };
}
