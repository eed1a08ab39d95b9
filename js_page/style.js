// @ts-check
/** The looks of `<weblayers-run>`: one style sheet for all shadow roots. Pages change it by the `--wl-` properties. */

const CSS = `
:host {
  --background: var(--wl-background, light-dark(#ffffff, #16181d));
  --raised: var(--wl-raised, light-dark(#f4f5f7, #1f2229));
  --text: var(--wl-text, light-dark(#1b1f24, #e7e9ee));
  --quiet: var(--wl-quiet, light-dark(#57606a, #a0a8b4));
  --line: var(--wl-line, light-dark(#d0d5dc, #363b45));
  --accent: var(--wl-accent, light-dark(#0b62c4, #79b4ff));
  --on-accent: var(--wl-on-accent, light-dark(#ffffff, #0b1420));
  --bad: var(--wl-bad, light-dark(#b3261e, #ff9c92));
  display: block;
  color: var(--text);
  font: 400 0.95rem/1.5 var(--wl-font, system-ui, sans-serif);
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
.frame {
  background: var(--background);
  border: 1px solid var(--line);
  border-radius: 10px;
  overflow: hidden;
  display: flex;
  flex-direction: column;
  container-type: inline-size;
}
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; padding: 0.6rem 0.8rem; background: var(--raised); }
.status { flex: 1 1 12rem; min-width: 0; color: var(--quiet); font-variant-numeric: tabular-nums; }
button {
  font: inherit; min-height: 2.25rem; padding: 0.2rem 0.9rem; border-radius: 7px; cursor: pointer;
  color: var(--text); background: var(--background); border: 1px solid var(--line);
}
button.primary { color: var(--on-accent); background: var(--accent); border-color: var(--accent); font-weight: 600; }
button:disabled, button[aria-disabled="true"] { opacity: 0.5; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
progress { display: block; width: 100%; height: 3px; border: 0; appearance: none; background: var(--line); accent-color: var(--accent); }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
.problem { margin: 0.8rem; padding: 0.6rem 0.8rem; border: 1px solid var(--bad); border-radius: 7px; }
.problem strong { color: var(--bad); display: block; overflow-wrap: anywhere; }
.problem > div + div { margin-top: 0.6rem; padding-top: 0.6rem; border-top: 1px solid var(--line); }
.problem p { margin: 0.3rem 0 0; }
.problem pre { max-height: 16rem; overflow: auto; }
.source { border-bottom: 1px solid var(--line); }
.source { font: 400 0.82rem/1.5 var(--wl-mono, ui-monospace, "SF Mono", Menlo, Consolas, monospace); }
.source textarea {
  display: block; width: 100%; border: 0; padding: 0.8rem; resize: vertical; min-height: 12rem;
  color: var(--text); background: var(--background); tab-size: 4;
}
.body { padding: 0.8rem; display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.8rem; overflow: auto; }
.body:not(:has(> :not([hidden], :empty))) { display: none; }
.controls { display: flex; flex-wrap: wrap; gap: 0.6rem 1.2rem; align-items: end; }
.controls:empty, .panels:empty { display: none; }
.panels { display: grid; gap: 0.8rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
.panels > * { min-width: 0; }
.panels > .wide { grid-column: 1 / -1; }
.field { display: inline-grid; gap: 0.1rem; }
.field > span { color: var(--quiet); font-size: 0.85rem; }
.field.slider { grid-template-columns: 1fr auto; }
.field.slider > span { grid-column: 1; }
.field.slider > output { grid-column: 2; grid-row: 1; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
.field.slider > input { grid-column: 1 / 3; width: 11rem; accent-color: var(--accent); }
.field.checkbox { display: inline-flex; flex-direction: row-reverse; gap: 0.4rem; align-items: center; min-height: 2.25rem; }
.field input:not([type="range"], [type="checkbox"]), .field select, .field textarea {
  font: inherit; min-height: 2.25rem; padding: 0.2rem 0.5rem; border-radius: 7px;
  color: var(--text); background: var(--background); border: 1px solid var(--line);
}
.field.number > input { width: 7rem; }
.field input[aria-invalid="true"] { border-color: var(--bad); }
.field > small { color: var(--bad); max-width: 12rem; }
.field > small:empty { display: none; }
.panel { margin: 0; min-width: 0; }
.panel figcaption { color: var(--quiet); font-size: 0.85rem; margin-bottom: 0.2rem; }
.panel > div { display: flow-root; }
.panel > div:has(> button, > .field) { display: flex; flex-wrap: wrap; gap: 0.6rem 1.2rem; align-items: end; }
.panel canvas { display: block; width: 100%; height: auto; }
.panel canvas.small { image-rendering: pixelated; }
/* they are drawn for paper */
.panel img { max-width: 100%; height: auto; background: #fff; }
.panel table { border-collapse: collapse; font-size: 0.85rem; }
.panel td, .panel th { padding: 0.15rem 0.5rem; border-bottom: 1px solid var(--line); text-align: left; }
.visor {
  position: fixed; inset: 0 0 0 auto; z-index: 1000; width: min(30rem, 92vw); display: flex; flex-direction: column;
  background: var(--background); border-left: 1px solid var(--line); box-shadow: 0 0 24px rgb(0 0 0 / 0.25);
}
.visor .tabs { flex: 1; display: flex; gap: 0.4rem; overflow-x: auto; }
.visor [role="tab"][aria-selected="true"] { border-color: var(--accent); color: var(--accent); font-weight: 600; }
.visor-page { flex: 1; overflow: auto; padding: 0.8rem; display: grid; gap: 1rem; align-content: start; }
.visor-handle { position: fixed; right: 0; top: 40%; z-index: 1000; border-radius: 7px 0 0 7px; }
pre, .source textarea { font: 400 0.82rem/1.5 var(--wl-mono, ui-monospace, "SF Mono", Menlo, Consolas, monospace); }
.panel pre { font: var(--wl-text-font, 400 0.82rem/1.5 var(--wl-mono, ui-monospace, "SF Mono", Menlo, Consolas, monospace)); }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.log { max-height: 14rem; overflow: auto; padding: 0.6rem 0.8rem; border-top: 1px solid var(--line); background: var(--raised); }
.log:empty { display: none; }
.log .err { color: var(--bad); }
.log .note { color: var(--quiet); }
.costs { border-top: 1px solid var(--line); padding: 0.3rem 0.8rem; font-size: 0.85rem; color: var(--quiet); }
.costs summary { cursor: pointer; }
.costs dl { margin: 0.4rem 0; display: grid; gap: 0.3rem 1.2rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr)); }
.costs dt { font-weight: 600; }
.costs dd { margin: 0; color: var(--text); overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (prefers-reduced-motion: no-preference) { progress::-webkit-progress-value { transition: width 0.15s; } }
`;

/** @type {CSSStyleSheet | null} */
let sheet = null;

/** Give a shadow root the style; a sheet that is built by script no policy forbids. @param {ShadowRoot} root */
export function adopt(root) {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  root.adoptedStyleSheets = [sheet];
}
