// @ts-check
/** The glue as a module, which knows what lies beside it. */

export * from "./index.js";

/** The library of HDF5 files, which is large and rarely wanted: a new one, see js_page/hdf5.js. */
export async function hdf5() {
  const { createLibrary } = await import(new URL("weblayers_hdf5.mjs", import.meta.url).href);
  return createLibrary();
}
