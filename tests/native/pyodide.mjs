// Python as in a page: Pyodide in Node.js, with weblayers and the library of HDF5 files from a runtime's folder.
// Usage: node pyodide.mjs RUNTIME FOLDER; each line of input is Python as JSON, each of output what came of it.
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, folder] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: runtime, stdout() {}, stderr() {} });
await pyodide.loadPackage("weblayers", { messageCallback() {} });
pyodide.FS.mkdir("/files");
pyodide.mountNodeFS("/files", folder);
pyodide.registerJsModule("weblayers_glue", await import(pathToFileURL(`${runtime}/weblayers_glue.mjs`).href));
pyodide.runPython(`
import json, os, traceback
from pyodide.code import eval_code_async

os.chdir("/files")

async def told(request):
    try:
        return json.dumps({"result": await eval_code_async(json.loads(request), {})})
    except BaseException as error:
        return json.dumps({"error": type(error).__name__, "message": str(error), "trace": traceback.format_exc()})
`);
const told = pyodide.globals.get("told");
for await (const line of createInterface({ input: process.stdin })) console.log(await told(line));
// what Python has left waiting is not waited for
process.exit();
