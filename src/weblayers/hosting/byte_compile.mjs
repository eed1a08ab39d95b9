// Byte-compiles wheels with Pyodide's own interpreter, as .pyc files belong to one minor version of Python.
// Usage: node byte_compile.mjs PYODIDE_FOLDER OUT_FOLDER WHEEL...

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pyodideFolder, outFolder, ...wheels] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(pyodideFolder, "pyodide.mjs")).href);
const pyodide = await loadPyodide();
pyodide.runPython(readFileSync(new URL("byte_compile.py", import.meta.url), "utf8"));
const byteCompile = pyodide.globals.get("byte_compile");

mkdirSync(outFolder, { recursive: true });
// Folders of Pyodide's own file system, in memory.
pyodide.FS.mkdir("/in");
pyodide.FS.mkdir("/out");
for (const wheel of wheels) {
  const path = `/in/${basename(wheel)}`;
  pyodide.FS.writeFile(path, readFileSync(wheel));
  byteCompile(path, "/out");
}
for (const name of pyodide.FS.readdir("/out").filter((name) => name.endsWith(".whl"))) {
  writeFileSync(join(outFolder, name), pyodide.FS.readFile(`/out/${name}`));
}
