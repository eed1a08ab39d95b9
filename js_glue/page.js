// @ts-check
/**
 * The page's document; null in a worker, also where a library shows it the page's from afar: what is made there lies on
 * the page, and what is asked there waits for it.
 */
export function ownDocument() {
  const scope = /** @type {any} */ (globalThis).WorkerGlobalScope;
  const inWorker = scope !== undefined && globalThis instanceof scope;
  return inWorker || typeof document === "undefined" ? null : document;
}
