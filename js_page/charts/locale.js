// @ts-check
/** Where a system has no language, browsers may say one that is none ("C"), and uPlot fails as it is loaded. */

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
}
