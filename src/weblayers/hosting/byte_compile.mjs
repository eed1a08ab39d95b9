// Makes wheels and the standard library small and fast to load, with Pyodide's own interpreter: .pyc files belong to one
// minor version of Python.
// Usage: node byte_compile.mjs PYODIDE_FOLDER OUT_FOLDER WHEEL_OR_ZIP...

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [pyodideFolder, outFolder, ...wheels] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(pyodideFolder, "pyodide.mjs")).href);
// Columns, which tracebacks show only beside sources, would be a quarter of each .pyc file.
const pyodide = await loadPyodide({ env: { HOME: "/home/pyodide", PYTHONNODEBUGRANGES: "1" } });
pyodide.runPython(readFileSync(new URL("byte_compile.py", import.meta.url), "utf8"));
const byteCompile = pyodide.globals.get("byte_compile");
const shorten = pyodide.globals.get("shorten");

mkdirSync(outFolder, { recursive: true });
// Folders of Pyodide's own file system, in memory.
pyodide.FS.mkdir("/in");
pyodide.FS.mkdir("/out");
for (const wheel of wheels) {
  const path = `/in/${basename(wheel)}`;
  pyodide.FS.writeFile(path, readFileSync(wheel));
  (wheel.endsWith(".whl") ? byteCompile : shorten)(path, "/out");
}
for (const name of pyodide.FS.readdir("/out").filter((name) => /[.](whl|zip)$/.test(name))) {
  writeFileSync(join(outFolder, name), pyodide.FS.readFile(`/out/${name}`));
}
