// @ts-check
/** A drawer at the page's side, with tabs of surfaces: where programs put charts that are beside the point. */

import { adopt } from "./style.js";

export class Visor {
  /** @param {(isOpen: boolean) => void} onToggle hears what the reader does */
  constructor(onToggle) {
    this._host = document.createElement("div");
    const root = this._host.attachShadow({ mode: "open" });
    adopt(root);
    this._drawer = made("aside", "visor", root);
    this._drawer.setAttribute("aria-label", "Charts");
    const bar = made("div", "bar", this._drawer);
    this._tabs = made("div", "tabs", bar);
    this._tabs.setAttribute("role", "tablist");
    this._tabs.addEventListener("keydown", (event) => this._moved(event));
    const toggle = (/** @type {boolean} */ isOpen) => {
      this.toggle(isOpen);
      (isOpen ? close : this._handle).focus();
      onToggle(isOpen);
    };
    const close = button("Close", bar, () => toggle(false));
    this._handle = button("Charts", root, () => toggle(true));
    this._handle.className = "visor-handle";
    /** @type {Map<string, {tab: HTMLElement, page: HTMLElement}>} */
    this._pages = new Map();
    /** @type {Map<string, HTMLElement>} */
    this._surfaces = new Map();
    this.toggle(false);
  }

  /** @param {boolean} isOpen */
  toggle(isOpen) {
    this._drawer.hidden = !isOpen;
    this._handle.hidden = isOpen || !this._surfaces.size;
  }

  /** The place of a surface, if there is one. @param {string} name */
  place(name) {
    return this._surfaces.get(name);
  }

  /** Have a surface on a tab. @param {string} name @param {string} tab @param {Record<string, string>} [styles] */
  surface(name, tab, styles = {}) {
    if (!this._host.isConnected) document.body.append(this._host);
    const { page } = this._page(tab);
    let surface = this._surfaces.get(name);
    if (!surface) {
      surface = document.createElement("section");
      surface.setAttribute("aria-label", name);
      this._surfaces.set(name, surface);
      if (this._surfaces.size === 1) this.toggle(true);
    }
    if (surface.parentElement !== page) page.append(surface);
    for (const [property, value] of Object.entries(styles)) {
      if (typeof value === "string") surface.style.setProperty(property.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`), value);
    }
  }

  /** @param {string} name */
  show(name) {
    for (const [each, { tab, page }] of this._pages) {
      const isShown = each === name;
      tab.setAttribute("aria-selected", String(isShown));
      tab.tabIndex = isShown ? 0 : -1;
      page.hidden = !isShown;
    }
  }

  remove() {
    this._host.remove();
  }

  /** @param {string} name */
  _page(name) {
    let found = this._pages.get(name);
    if (!found) {
      const tab = button(name, this._tabs, () => this.show(name));
      tab.setAttribute("role", "tab");
      const page = made("div", "visor-page", this._drawer);
      page.setAttribute("role", "tabpanel");
      page.setAttribute("aria-label", name);
      page.tabIndex = 0;
      found = { tab, page };
      this._pages.set(name, found);
      this.show(this._pages.size === 1 ? name : this._shown());
    }
    return found;
  }

  _shown() {
    return [...this._pages].find(([, { page }]) => !page.hidden)?.[0] ?? "";
  }

  /** @param {KeyboardEvent} event */
  _moved({ key }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const names = [...this._pages.keys()];
    const next = names[(names.indexOf(this._shown()) + step + names.length) % names.length];
    this.show(next);
    this._pages.get(next)?.tab.focus();
  }
}

/** @param {string} tag @param {string} name @param {Node} parent */
function made(tag, name, parent) {
  const one = document.createElement(tag);
  one.className = name;
  parent.appendChild(one);
  return one;
}

/** @param {string} label @param {Node} parent @param {() => void} action */
function button(label, parent, action) {
  const one = /** @type {HTMLButtonElement} */ (made("button", "", parent));
  one.type = "button";
  one.textContent = label;
  one.addEventListener("click", action);
  return one;
}
