// @ts-check
/** What the page loads once it is used. */

/**
 * The module of a file of the runtime. One goes on with it in a later task than the one that has evaluated it, which is
 * long enough.
 * @param {string} name
 * @param {string} runtime
 * @returns {Promise<any>}
 */
export async function loaded(name, runtime) {
  const module = await import(new URL(name, runtime).href);
  await new Promise((resolve) => setTimeout(resolve));
  return module;
}
