"""Put a Pyodide distribution with weblayers, and the demo's pages around it, into one folder.

Without --pages the folder is the distribution itself; with them it lies in the site's `pyodide/`. It holds

    pyodide.mjs ...             Pyodide's core
    pyodide-lock.json           trimmed to what is here, so that `loadPackage("weblayers")` loads NumPy too
    numpy-*.whl, weblayers-*    what the lock names, byte-compiled where --compiled has it
    weblayers-*-py3-none-any    for `micropip.install` by URL
    weblayers_glue.mjs          for `pyodide.registerJsModule("weblayers_glue", glue)`
"""

import argparse
import json
import zipfile
from pathlib import Path

from fetch_wheels import WANTED
from pyodide_lock import PackageSpec, PyodideLockSpec
from pyodide_lock.utils import add_wheels_to_spec, update_package_sha256

# The last two are one file under the names that newer and older versions give it.
CORE = ("pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide.asm.mjs", "pyodide.asm.js")
GLUE = "weblayers/glue/weblayers_glue.mjs"

Files = dict[str, bytes]


def read_tree(folder: Path, prefix: str = "") -> Files:
    """All files below `folder` by relative name, except hidden ones."""
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def write_tree(files: Files, folder: Path) -> None:
    """Make `folder` hold exactly `files`, touching only what differs: a running demo goes on being served."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, data in files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def find_wheel(package: PackageSpec, folders: list[Path]) -> Path:
    """The package's wheel in the first of the `folders` that has one: that of one Python before that of all."""
    pattern = f"{package.name.replace('-', '_')}-{package.version}-*.whl"
    found = (sorted(folder.glob(pattern), key=lambda path: "-py3-" in path.name) for folder in folders)
    return next(path for paths in found for path in paths)


def distribution(pyodide: Path, wheels: Path, dist: Path, compiled: list[Path]) -> Files:
    """The files of a Pyodide distribution that has weblayers."""
    weblayers = next(dist.glob("weblayers-*-py3-none-any.whl"))
    files = {name: (pyodide / name).read_bytes() for name in CORE if (pyodide / name).exists()}
    files[weblayers.name] = weblayers.read_bytes()
    with zipfile.ZipFile(weblayers) as archive:
        if GLUE in archive.namelist():
            files[Path(GLUE).name] = archive.read(GLUE)

    lock = json.loads((pyodide / "pyodide-lock.json").read_text())
    # pyodide-lock insists on info.version, which newer locks lack: it gets one, the lock keeps its own info.
    info = {"version": "", **lock["info"]}
    spec = PyodideLockSpec(info=info, packages={name: lock["packages"][name] for name in WANTED})
    spec = add_wheels_to_spec(spec, [weblayers])
    for package in spec.packages.values():
        wheel = find_wheel(package, [*compiled, dist, wheels])
        package.file_name = wheel.name
        update_package_sha256(package, wheel)
        files[wheel.name] = wheel.read_bytes()
    lock["packages"] = spec.model_dump()["packages"]
    files["pyodide-lock.json"] = json.dumps(lock, indent=1).encode()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pyodide", type=Path, required=True, help="the unpacked npm package pyodide")
    parser.add_argument("--wheels", type=Path, required=True, help="the folder that fetch_wheels.py filled")
    parser.add_argument("--dist", type=Path, required=True, help="the folder with the wheel of weblayers")
    parser.add_argument("--compiled", type=Path, nargs="*", default=[], help="folders of compiled wheels")
    parser.add_argument("--pages", type=Path, help="the demo's static files")
    parser.add_argument("--data", type=Path, help="the demo's data, served as data/")
    arguments = parser.parse_args()

    files = distribution(arguments.pyodide, arguments.wheels, arguments.dist, arguments.compiled)
    if arguments.pages:
        files = {f"pyodide/{name}": data for name, data in files.items()}
        files |= read_tree(arguments.pages)
        if arguments.data:
            files |= read_tree(arguments.data, "data/")
    write_tree(files, arguments.out)


if __name__ == "__main__":
    main()
