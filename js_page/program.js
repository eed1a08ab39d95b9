// @ts-check
/** Pyodide with weblayers, as commands that host.js calls, in a worker or in the page. */

import { Log } from "./log.js";
import { decoded } from "./source.js";

/**
 * What a program tells unasked: `loading` and `log` from here, the other types from weblayers.page.
 * @typedef {{type: string, [key: string]: any}} ProgramEvent
 */
/**
 * @typedef {object} LoadOptions
 * @property {string} runtime URL of the runtime's folder
 * @property {string} base URL that files are relative to
 * @property {string[]} files to copy into Python's folder
 * @property {string[]} packages of Pyodide's to load
 * @property {string} executor who computes: a backend of weblayers
 */

const EMPTY_MODULE = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
// What ends a task is told of by the task, if by anybody.
const ENDS = ["CancelledError", "KeyboardInterrupt", "SystemExit"];

/**
 * @param {(event: ProgramEvent) => void} post
 * @returns {Record<string, (...args: any[]) => any>}
 */
export function createProgram(post) {
  /** @type {any} */
  let pyodide;
  /** @type {Record<string, any>} */
  let python = {};

  const log = new Log(post);

  /** @param {LoadOptions} options */
  async function load({ runtime, base, files, packages, executor }) {
    // Where a policy forbids it, Pyodide waits for ever.
    new WebAssembly.Module(EMPTY_MODULE);
    const about = await (await got(new URL("runtime.json", runtime))).json();
    const wheels = packages.map((name) => (name.endsWith(".whl") ? new URL(name, base).href : name));
    const loading = new Loading(about.bytes, post, (url) => url.startsWith(runtime) || wheels.includes(url));
    try {
      await Promise.race([loading.failed, loadAll(loading)]);
    } finally {
      loading.end();
    }
    loading.tell("Starting weblayers");
    const program = pyodide.pyimport("weblayers.page.program").Program();
    const { host } = pyodide.pyimport("weblayers.page.hosts");
    const { figures } = pyodide.pyimport("weblayers.page.figures");
    python = { program, host: host(), reins: pyodide.pyimport("weblayers.page.reins"), figures };
    pyodide.pyimport("weblayers.io.browser").set_base(base);
    if (executor !== "auto") pyodide.pyimport("weblayers").set_backend(executor);

    /** @param {Loading} loading */
    async function loadAll(loading) {
      loading.tell("Loading Python");
      const [{ loadPyodide }, glue] = await Promise.all([
        import(new URL("pyodide.mjs", runtime).href),
        import(new URL("weblayers_glue.mjs", runtime).href),
      ]);
      try {
        pyodide = await loadPyodide({ indexURL: runtime });
      } catch (error) {
        // Emscripten's end of a program is no error, and says nothing.
        if (error instanceof Error) throw error;
        throw new Error(`${new URL("python_stdlib.zip", runtime)} is damaged: Python finds no library in it`);
      }
      pyodide.setStdout(log.stream("out"));
      pyodide.setStderr(log.stream("err"));
      pyodide.runPython("import sys; sys.stdout.reconfigure(line_buffering=True)");
      for (const type of ["error", "unhandledrejection"]) globalThis.addEventListener(type, uncaught);
      // Whoever waits for Python would wait for ever.
      pyodide._api.on_fatal = (/** @type {unknown} */ error) => post({ type: "crashed", text: String(error) });
      pyodide.registerJsModule("weblayers_glue", glue);
      pyodide.registerJsModule("weblayers_page", { post: tell });
      loading.tell("Loading NumPy and weblayers");
      await pyodide.loadPackage(["weblayers", ...wheels], {
        messageCallback() {},
        errorCallback: (/** @type {string} */ text) => log.add("err", text),
      });
      loading.tell("Loading the program's files");
      await Promise.all(files.map((name) => copyFile(pyodide, name, base)));
    }
  }

  /**
   * Tell of an exception of Python's that nobody in JavaScript has caught.
   * @param {any} event of the thread's, with an error or the reason of a promise's
   */
  function uncaught(event) {
    const error = event.error ?? event.reason;
    if (!(error instanceof pyodide.ffi.PythonError)) return;
    event.preventDefault();
    if (!ENDS.includes(error.type)) python.program?.uncaught(error.__error_address, error.message);
  }

  /** What Python tells, after what it has printed before an error. @param {ProgramEvent} event */
  function tell(event) {
    if (event.type === "error") log.flush();
    post(event);
  }

  return {
    load,

    /**
     * @param {string} source
     * @param {string} name
     * @param {Record<string, any>} given what controls are set to, by their labels
     * @param {string} home what names the page and its element
     * @returns {Promise<boolean>} whether it got to its end
     */
    async run(source, name, given, home) {
      const ended = await python.program.run(source, name, given, home);
      log.flush();
      return ended;
    },

    /** @param {string} name a function of the program's @param {any[]} args */
    async call(name, args) {
      return plain(await python.program.call(name, pyodide.toPy(args)));
    },

    /** Know what another worker's program defines. @param {string} source @param {string} filename */
    define: (source, filename) => python.program.define(source, filename),

    /** Call one of those functions. @param {string} name @param {string} task its arguments, packed */
    async task(name, task) {
      const outcome = plain(await python.program.task(name, task));
      log.flush();
      return outcome;
    },

    /** @param {string} event @param {any} value */
    hear: (event, value) => python.host.hear(event, pyodide.toPy(value)),

    /** Who computes, and what it costs. */
    figures: () => plain(python.figures()),

    pause: () => python.reins.pause(),
    /** Keep what is trained for another visit. */
    keep: () => python.reins?.keep(),
    resume: () => python.reins.resume(),
    /** End what trains, in order. */
    stop: () => python.reins.stop(),
    /** End the program where it waits. */
    end: () => python.program?.end(),
  };
}

/** What Python gave, as JavaScript has it. @param {any} result */
function plain(result) {
  return result?.toJs ? result.toJs({ dict_converter: Object.fromEntries, create_pyproxies: false }) : result;
}

/**
 * Counts the bytes that come in by way of `fetch`, which Pyodide uses, and hears of what fails there, as Pyodide waits for
 * ever for some of its files.
 */
class Loading {
  /**
   * @param {number} total
   * @param {(event: ProgramEvent) => void} post
   * @param {(url: string) => boolean} isNeeded whether nothing goes without a file
   */
  constructor(total, post, isNeeded) {
    this._total = total;
    this._post = post;
    this._isNeeded = isNeeded;
    this._text = "";
    this._bytes = 0;
    /** @type {(error: Error) => void} */
    this._fail = () => {};
    /** Fails with the first file that is not to be had. @type {Promise<never>} */
    this.failed = new Promise((_, reject) => (this._fail = reject));
    this.failed.catch(() => {});
    const { fetch } = globalThis;
    const { instantiateStreaming } = WebAssembly;
    globalThis.fetch = (input, init) => this._fetched(input instanceof Request ? input.url : String(input), fetch(input, init));
    WebAssembly.instantiateStreaming = async (source, imports) => {
      const response = await source;
      const made = instantiateStreaming.call(WebAssembly, response, imports);
      return this._watched(response.url, made, "is damaged");
    };
    this.end = () => Object.assign(globalThis, { fetch }) && Object.assign(WebAssembly, { instantiateStreaming });
  }

  /** @param {string} text */
  tell(text) {
    this._text = text;
    this._post({ type: "loading", text, bytes: this._bytes, total: this._total });
  }

  /**
   * @template T
   * @param {string} url
   * @param {Promise<T>} promise
   * @param {string} words for what is wrong with the file if it fails
   */
  async _watched(url, promise, words) {
    try {
      return await promise;
    } catch (error) {
      if (this._isNeeded(url)) this._fail(new Error(`${url} ${words}: ${error}`));
      throw error;
    }
  }

  /** @param {string} url @param {Promise<Response>} answer */
  async _fetched(url, answer) {
    const response = await this._watched(url, answer, "could not be loaded");
    if (!this._isNeeded(url)) return this._counted(url, response);
    const isPage = response.headers.get("content-type")?.startsWith("text/html");
    const problem = !response.ok ? `the server answered ${response.status}` : isPage ? "the server sent a page" : null;
    if (problem) this._fail(new Error(`${url} could not be loaded: ${problem}`));
    return this._counted(url, response);
  }

  /** @param {string} url @param {Response} response */
  _counted(url, response) {
    if (!response.ok || !response.body) return response;
    const count = new TransformStream({
      transform: (chunk, controller) => {
        this._bytes += chunk.length;
        this.tell(this._text);
        controller.enqueue(chunk);
      },
    });
    const { status, statusText } = response;
    const headers = new Headers(response.headers);
    // browsers insist on it, and some servers do not know it
    if (url.endsWith(".wasm")) headers.set("content-type", "application/wasm");
    this._watched(url, response.body.pipeTo(count.writable), "broke off").catch(() => {});
    return Object.defineProperty(new Response(count.readable, { status, statusText, headers }), "url", { value: url });
  }
}

/** @param {URL} url */
async function got(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new Error(`${url.href} could not be loaded: ${error instanceof Error ? error.message : error}`);
  }
  if (!response.ok) throw new Error(`${url.href} could not be loaded: the server answered ${response.status}`);
  return response;
}

/** Fetch a file into the folder that Python works in. @param {any} pyodide @param {string} name @param {string} base */
async function copyFile(pyodide, name, base) {
  const data = new Uint8Array(await (await got(new URL(name, base))).arrayBuffer());
  const path = decoded(name).split("/").filter((part) => part && part !== "." && part !== "..");
  if (path.length > 1) pyodide.FS.mkdirTree(path.slice(0, -1).join("/"));
  pyodide.FS.writeFile(path.join("/"), data);
}
