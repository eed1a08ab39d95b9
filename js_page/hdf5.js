// @ts-check
/**
 * HDF5's own library, as h5wasm has it, for weblayers.io.keras.h5wasm: files in memory, and an error for each failure,
 * which h5wasm's own interface would pass over.
 */

import createModule from "hdf5_util";

/** @typedef {import("hdf5_util").Module} Module */
/** @typedef {import("hdf5_util").Metadata} Metadata */
/**
 * Numbers or texts of one length, as HDF5 names them.
 * @typedef {object} Type
 * @property {number} type the class
 * @property {number} size bytes of one
 * @property {boolean} signed
 */

const PATH = "/file";
const READ = 0;
const CREATE = 2;
const TEXT = 3;
const UTF8 = 1;
// How long the library takes to find something grows with the square of its depth. So much takes a few seconds, and is
// more than ten thousand weights.
const MOST_EFFORT = 1_000_000;
const TOO_MUCH = "there is too much in it, or too deep";

/** A library of its own: what a damaged file does to it is gone with it. */
export async function createLibrary() {
  const module = await createModule({ print() {}, printErr() {} });
  const { FS } = module;
  for (const name of FS.readdir("/dev")) {
    // a file may name others for its values: there are none, not even those that ask the page's user
    if (!FS.isDir(FS.lstat(`/dev/${name}`).mode)) FS.unlink(`/dev/${name}`);
  }
  return {
    /** @param {Uint8Array} bytes */
    open: (bytes) => new File(module, bytes),
    create: () => new File(module, null),
  };
}

/** One file; paths in it begin with a slash. */
class File {
  /** @param {Module} module @param {Uint8Array | null} bytes of a file to read */
  constructor(module, bytes) {
    this._module = module;
    if (bytes) module.FS.writeFile(PATH, bytes);
    this._id = module.open(PATH, bytes ? READ : CREATE, false, -1, -1);
    if (bytes) module.FS.unlink(PATH);
    if (this._id < 0n) throw new Error("no HDF5 file, or not all of one");
  }

  /** What each link in the file leads to, by its path: [path, "group" | "dataset" | "link" | "other"]. */
  links() {
    const paths = this._names();
    // what has something in it is a group
    const groups = new Set(paths.map((path) => path.slice(0, Math.max(0, path.lastIndexOf("/")))));
    const ends = paths.filter((path) => !groups.has(path));
    const effort = ends.reduce((sum, path) => sum + path.split("/").length ** 2, 0);
    if (effort > MOST_EFFORT) throw new Error(TOO_MUCH);
    return paths.map((path) => [path, groups.has(path) ? "group" : this._kind(`/${path}`)]);
  }

  /** The paths of all links; a group is visited once. */
  _names() {
    try {
      return this._module.get_names(this._id, "/", true);
    } catch (error) {
      // the library goes down by calling itself
      throw error instanceof RangeError ? new Error(TOO_MUCH) : error;
    }
  }

  /** @param {string} path */
  _kind(path) {
    const { get_symbolic_link, get_external_link, get_type } = this._module;
    // these two do not follow it
    if (get_symbolic_link(this._id, path) !== null || "filename" in get_external_link(this._id, path)) return "link";
    return { 0: "group", 1: "dataset" }[get_type(this._id, path)] ?? "other";
  }

  /** @param {string} path */
  dataset(path) {
    return this._module.get_dataset_metadata(this._id, path);
  }

  /** The values of a dataset, byte by byte. @param {string} path */
  values(path) {
    const metadata = this.dataset(path);
    return this._read(metadata, (pointer) =>
      this._module.get_dataset_data(this._id, path, null, null, null, pointer),
    );
  }

  /** @param {string} path */
  attributes(path) {
    return this._module.get_attribute_names(this._id, path);
  }

  /**
   * An attribute with its values, byte by byte, or its texts if these may have any length.
   * @param {string} path
   * @param {string} name
   */
  attribute(path, name) {
    const metadata = this._module.get_attribute_metadata(this._id, path, name);
    /** @type {string[] | null} */
    let texts = null;
    const bytes = this._read(
      metadata,
      (pointer) => this._module.get_attribute_data(this._id, path, name, pointer),
      (data, pointer) => {
        if (!metadata.vlen) return;
        texts = Array.from(new Uint32Array(data.buffer), (text) => this._module.UTF8ToString(text));
        this._module.reclaim_vlen_memory(this._id, path, name, pointer);
      },
    );
    return { ...metadata, bytes, texts };
  }

  /**
   * @param {Metadata} metadata
   * @param {(pointer: bigint) => number} read gives less than 0 if it fails
   * @param {(data: Uint8Array, pointer: bigint) => void} [use] what has been read, before its memory is given back
   */
  _read({ size, total_size }, read, use) {
    return this._with(size * total_size, (pointer, length) => {
      check(read(BigInt(pointer)), "values cannot be read");
      const data = this._module.HEAPU8.slice(pointer, pointer + length);
      use?.(data, BigInt(pointer));
      return data;
    });
  }

  /** @param {string} path */
  createGroup(path) {
    check(this._module.create_group(this._id, path, false), `the group ${path} cannot be made`);
  }

  /** @param {string} path @param {Type} type @param {number[]} shape @param {Uint8Array} bytes */
  createDataset(path, type, shape, bytes) {
    this._with(bytes.length, (pointer) => {
      this._module.HEAPU8.set(bytes, pointer);
      this._module.create_dataset(this._id, path, BigInt(pointer), written(type, shape));
    });
    if (this._kind(path) !== "dataset") throw new Error(`${path} cannot be written`);
  }

  /** @param {string} path @param {string} name @param {Type} type @param {number[]} shape @param {Uint8Array} bytes */
  createAttribute(path, name, type, shape, bytes) {
    this._with(bytes.length, (pointer) => {
      this._module.HEAPU8.set(bytes, pointer);
      this._adding(path, name, () =>
        this._module.create_attribute(this._id, path, name, BigInt(pointer), written(type, shape)),
      );
    });
  }

  /** An attribute of one text of any length. @param {string} path @param {string} name @param {string} text */
  createText(path, name, text) {
    const type = { type: TEXT, size: 4, signed: false, vlen: true, cset: UTF8 };
    this._adding(path, name, () =>
      this._module.create_vlen_str_attribute(this._id, path, name, [text], written(type, [])),
    );
  }

  /** Whether an attribute was made shows when one looks. @param {string} path @param {string} name @param {() => void} make */
  _adding(path, name, make) {
    const before = this.attributes(path).length;
    make();
    if (this.attributes(path).length === before) throw new Error(`the attribute ${name} of ${path} cannot be written`);
  }

  /** The bytes of a new file. */
  finish() {
    check(this._module.close_file(this._id), "the file cannot be written");
    const bytes = this._module.FS.readFile(PATH);
    this._module.FS.unlink(PATH);
    return bytes;
  }

  /**
   * Lend memory of the library's.
   * @template T
   * @param {number} length
   * @param {(pointer: number, length: number) => T} use
   * @returns {T}
   */
  _with(length, use) {
    // a larger number would be cut, and memory with it
    const pointer = length > this._module.MAXIMUM_MEMORY ? 0 : this._module._malloc(Math.max(length, 1));
    if (!pointer) throw new Error(`there is no memory for ${length} bytes`);
    try {
      return use(pointer, length);
    } finally {
      this._module._free(pointer);
    }
  }
}

/** @param {Type & {vlen?: boolean, cset?: number}} type @param {number[]} shape */
function written(type, shape) {
  return { vlen: false, cset: 0, ...type, shape: shape.map(BigInt), maxshape: null, chunks: null };
}

/** @param {number} status @param {string} message */
function check(status, message) {
  if (status < 0) throw new Error(message);
}
