// Python as in a page: Pyodide in Node.js, with the project's sources and what the wheel carries for pages.
// Usage: node pyodide.mjs RUNTIME SOURCES FOLDER; each line of input is Python as JSON, each of output what came of it.
import { createInterface } from "node:readline";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, sources, folder] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: runtime, stdout() {}, stderr() {} });
await pyodide.loadPackage("numpy", { messageCallback() {} });
pyodide.mountNodeFS("/sources", sources);
pyodide.FS.mkdir("/files");
pyodide.mountNodeFS("/files", folder);
const { createLibrary } = await import(pathToFileURL(`${sources}/weblayers/io/keras/assets/weblayers_hdf5.mjs`).href);
pyodide.registerJsModule("weblayers_glue", { hdf5: createLibrary });
pyodide.runPython(`
import json, os, sys, traceback
from pyodide.code import eval_code_async

sys.path.insert(0, "/sources")
os.chdir("/files")

async def told(request):
    try:
        return json.dumps({"result": await eval_code_async(json.loads(request), {})})
    except BaseException as error:
        return json.dumps({"error": type(error).__name__, "message": str(error), "trace": traceback.format_exc()})
`);
const told = pyodide.globals.get("told");
for await (const line of createInterface({ input: process.stdin })) console.log(await told(line));
