// @ts-check
/** Python source with its comments, strings, keywords and numbers marked. */

const KEYWORDS = "and|as|async|await|class|def|elif|else|for|from|if|import|in|is|lambda|None|not|or|return|True|False|while|with";
const TOKENS = new RegExp(
  [
    /(?<comment>#.*)/,
    /(?<string>"""[^]*?"""|f?"[^"\n]*")/,
    new RegExp(`\\b(?<keyword>${KEYWORDS})\\b`),
    /(?<=\bdef )(?<name>\w+)/,
    /\b(?<number>\d[\d.]*)\b/,
  ]
    .map((pattern) => pattern.source)
    .join("|"),
  "g",
);

/** @param {Element} parent @param {string} source */
export function showPython(parent, source) {
  parent.replaceChildren();
  let end = 0;
  for (const match of source.matchAll(TOKENS)) {
    const [kind, text] = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined) ?? ["", ""];
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    parent.append(source.slice(end, match.index), span);
    end = match.index + text.length;
  }
  parent.append(source.slice(end));
}
