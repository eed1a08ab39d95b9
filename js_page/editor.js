// @ts-check
/** A program in CodeMirror: loaded only where a program is edited. */

import { HighlightStyle, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { python } from "@codemirror/lang-python";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { minimalSetup } from "codemirror";

const LOOKS = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "var(--background)", maxHeight: "24rem" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { font: "inherit", overflow: "auto" },
  ".cm-content": { padding: "0.8rem 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 0.8rem" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "light-dark(#cfe3fb, #2b4668) !important",
  },
});

const COLORS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "light-dark(#8a2be2, #c9a2ff)" },
  { tag: [tags.string, tags.docString], color: "light-dark(#0a6b3d, #8fd6a8)" },
  { tag: [tags.number, tags.bool, tags.null], color: "light-dark(#9a4a00, #ffb873)" },
  { tag: tags.comment, color: "light-dark(#57606a, #a0a8b4)", fontStyle: "italic" },
  { tag: tags.definition(tags.variableName), color: "light-dark(#0b62c4, #79b4ff)" },
]);

/**
 * @param {HTMLElement} parent
 * @param {string} text
 * @param {() => void} run what Ctrl-Enter does
 * @returns {{text: string}} the program as it is now
 */
export function edit(parent, text, run) {
  const root = /** @type {ShadowRoot} */ (parent.getRootNode());
  // The Tab key is left alone: it leads on to the page's next element.
  const view = new EditorView({
    doc: text,
    parent,
    root,
    extensions: [
      keymap.of([{ key: "Mod-Enter", run: () => (run(), true) }]),
      minimalSetup,
      python(),
      indentUnit.of("    "),
      syntaxHighlighting(COLORS),
      LOOKS,
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ "aria-label": "The program", tabindex: "0" }),
    ],
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(value) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
    },
  };
}
