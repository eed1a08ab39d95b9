// @ts-check
/** Sliders, numbers, choices, check boxes, texts and buttons that programs ask for. */

/** @typedef {{id: string, kind: string, label: string, value?: any, [option: string]: any}} Spec */
/**
 * @typedef {object} Made
 * @property {HTMLElement} root
 * @property {(value: any) => void} set
 * @property {(busy: boolean) => void} setBusy
 */

/**
 * @param {Spec} spec
 * @param {(value: any) => void} onChange
 * @returns {Made}
 */
export function makeControl(spec, onChange) {
  return spec.kind === "button" ? makeButton(spec, onChange) : makeField(spec, onChange);
}

/** @param {Spec} spec @param {(value: any) => void} onChange @returns {Made} */
function makeButton({ label }, onChange) {
  const root = document.createElement("button");
  root.type = "button";
  root.textContent = label;
  root.addEventListener("click", () => onChange(null));
  // Not `disabled`, which would take the focus away.
  const setBusy = (/** @type {boolean} */ busy) => root.setAttribute("aria-disabled", String(busy));
  return { root, set() {}, setBusy };
}

/** @param {Spec} spec @param {(value: any) => void} onChange @returns {Made} */
function makeField(spec, onChange) {
  const root = document.createElement("label");
  const caption = document.createElement("span");
  caption.textContent = spec.label;
  const { input, read, write, wanted } = FIELDS[spec.kind](spec);
  const isText = spec.kind === "text" || spec.kind === "number";
  root.className = `field ${spec.kind}`;
  root.append(caption, input);
  const complain = wanted ? hinting(spec.id, root, caption, input) : () => {};
  const shown = spec.kind === "slider" ? root.appendChild(document.createElement("output")) : null;
  const set = (/** @type {any} */ value) => {
    // What the reader is typing stays.
    if (isText && input.matches(":focus")) return;
    write(value);
    complain("");
    if (shown) shown.textContent = shortened(value);
  };
  input.addEventListener(isText ? "change" : "input", () => {
    const value = read();
    const wish = wanted?.(value) ?? "";
    complain(wish);
    if (wish) return;
    if (shown) shown.textContent = shortened(value);
    onChange(value);
  });
  set(spec.value);
  return { root, set, setBusy() {} };
}

/**
 * Say what is wrong with a field beside it: also to who does not see it, and not as a part of the field's name.
 * @param {string} id @param {HTMLElement} root @param {HTMLElement} caption @param {HTMLElement} input
 * @returns {(text: string) => void}
 */
function hinting(id, root, caption, input) {
  const hint = root.appendChild(document.createElement("small"));
  hint.setAttribute("role", "alert");
  [caption.id, hint.id] = [`${id}-name`, `${id}-hint`];
  input.setAttribute("aria-labelledby", caption.id);
  input.setAttribute("aria-describedby", hint.id);
  return (text) => {
    hint.textContent = text;
    input.setAttribute("aria-invalid", String(text !== ""));
  };
}

// A slider's own steps, where the program names none.
const STEPS = 200;

/**
 * @typedef {object} Field
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @property {() => any} read
 * @property {(value: any) => void} write
 * @property {(value: any) => string} [wanted] what the reader is to enter instead of what is no value; else empty
 */
/** @type {Record<string, (spec: Spec) => Field>} */
const FIELDS = {
  slider({ minimum, maximum, step, log }) {
    const input = typed("range");
    const to = log ? Math.log : (/** @type {number} */ value) => value;
    const from = log ? Math.exp : (/** @type {number} */ place) => place;
    input.min = String(to(minimum));
    input.max = String(to(maximum));
    input.step = String(log || !step ? (to(maximum) - to(minimum)) / STEPS : step);
    return {
      input,
      read() {
        const value = log ? Number(from(input.valueAsNumber).toPrecision(3)) : input.valueAsNumber;
        return Math.min(maximum, Math.max(minimum, value));
      },
      write(value) {
        input.value = String(to(value));
        input.setAttribute("aria-valuetext", shortened(value));
      },
    };
  },
  number({ minimum, maximum, whole }) {
    const input = typed("number");
    if (minimum != null) input.min = String(minimum);
    if (maximum != null) input.max = String(maximum);
    // whole numbers are counted from the minimum
    input.step = whole && Number.isInteger(minimum ?? 0) ? "1" : "any";
    const isFit = (/** @type {number} */ value) =>
      (whole ? Number.isInteger(value) : Number.isFinite(value)) && value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
    return {
      input,
      read: () => input.valueAsNumber,
      write: (value) => (input.value = String(value)),
      wanted: (value) => (isFit(value) ? "" : `Enter ${whole ? "a whole number" : "a number"}${between(minimum, maximum)}`),
    };
  },
  choice({ options }) {
    const input = document.createElement("select");
    input.append(...options.map((/** @type {string} */ option) => new Option(option, option)));
    return { input, read: () => input.value, write: (value) => (input.value = value) };
  },
  checkbox() {
    const input = typed("checkbox");
    return { input, read: () => input.checked, write: (value) => (input.checked = value) };
  },
  text({ lines }) {
    const input = lines > 1 ? document.createElement("textarea") : typed("text");
    if (input instanceof HTMLTextAreaElement) input.rows = lines;
    return { input, read: () => input.value, write: (value) => (input.value = value) };
  },
};

/** A range in words. @param {number | null} minimum @param {number | null} maximum */
function between(minimum, maximum) {
  if (minimum == null) return maximum == null ? "" : ` of ${maximum} or less`;
  return maximum == null ? ` of ${minimum} or more` : ` from ${minimum} to ${maximum}`;
}

/** @param {string} type */
function typed(type) {
  const input = document.createElement("input");
  input.type = type;
  return input;
}

/** @param {number} value */
const shortened = (value) => String(Number(Number(value).toPrecision(3)));
