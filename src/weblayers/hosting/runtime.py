"""The runtime of pages: Pyodide with NumPy and weblayers and the scripts of ``<weblayers-run>``, in one folder.

pyodide.mjs ...             Pyodide's core
pyodide-lock.json           trimmed to what is here, so that ``loadPackage("weblayers")`` loads NumPy too
numpy-*.whl, weblayers-*    what the lock names, byte-compiled where there is a compiled one
weblayers-*-py3-none-any    for ``micropip.install`` by URL
weblayers_glue.mjs          for ``pyodide.registerJsModule("weblayers_glue", glue)``
weblayers_hdf5.mjs          for Keras' files, which the glue loads when a program wants them
weblayers-run.js ...        the scripts of ``<weblayers-run>``, and runtime.json, which says how much there is to load
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .wheels import WANTED

LIBRARY = "python_stdlib.zip"
# The last two are one file under the names that newer and older versions give it.
CORE = ("pyodide.mjs", "pyodide.asm.wasm", LIBRARY, "pyodide.asm.mjs", "pyodide.asm.js")
# What pages load without Python, from the wheel.
SCRIPTS = (
    "weblayers/glue/weblayers_glue.mjs",
    "weblayers/io/keras/assets/weblayers_hdf5.mjs",
    "weblayers/page/assets/",
    "weblayers/vis/assets/weblayers_charts.mjs",
)

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


def check_packages(runtime: Path, names: Iterable[str]) -> None:
    """Check that a runtime has packages, by their names, and all that they need.

    Raises:
        ValueError: it has not; the message says what it has.
    """
    if not (wanted := [(_canonical(name), "") for name in names]):
        return
    lock = runtime / "pyodide-lock.json"
    packages = json.loads(lock.read_text(encoding="utf-8")).get("packages", {}) if lock.is_file() else {}
    known = {_canonical(name): package for name, package in packages.items()}
    had = [name for name, package in known.items() if (runtime / package["file_name"]).is_file()]
    # it grows by what they need
    for name, why in wanted:
        if name not in had:
            raise ValueError(
                f"{runtime} has no package {name}{why}, but {', '.join(sorted(had)) or 'none'}. Give its wheel, if it"
                f" is all Python, or a runtime that has it: its file beside {lock.name}, which names the file and what"
                " the package needs"
            )
        needed = (_canonical(each) for each in known[name].get("depends", []))
        wanted += [(each, f", which {name} needs") for each in needed if each not in dict(wanted)]


def _canonical(name: str) -> str:
    """A package's name as Pyodide looks it up."""
    return re.sub("[-_.]+", "-", name).lower()


def _find_wheel(package: Any, folders: Sequence[Path]) -> Path:
    """The package's wheel in the first of the `folders` that has one: that of one Python before that of all."""
    pattern = f"{package.name.replace('-', '_')}-{package.version}-*.whl"
    found = (sorted(folder.glob(pattern), key=lambda path: "-py3-" in path.name) for folder in folders)
    return next(path for paths in found for path in paths)


def distribution(pyodide: Path, wheels: Path, dist: Path, compiled: Sequence[Path]) -> Files:
    """The files of a Pyodide distribution that has weblayers.

    Args:
        pyodide: the npm package, unpacked.
        wheels: the folder that :func:`~.wheels.fetch_wheels` filled.
        dist: the folder with the wheel of weblayers.
        compiled: folders of what ``byte_compile.mjs`` has made of wheels and of the standard library; they come first.
    """
    from pyodide_lock import PyodideLockSpec
    from pyodide_lock.utils import add_wheels_to_spec, update_package_sha256

    weblayers = next(dist.glob("weblayers-*-py3-none-any.whl"))
    files = {name: (pyodide / name).read_bytes() for name in CORE if (pyodide / name).exists()}
    for library in (path for folder in compiled for path in folder.glob(LIBRARY)):
        files[LIBRARY] = library.read_bytes()
    files[weblayers.name] = weblayers.read_bytes()
    with zipfile.ZipFile(weblayers) as archive:
        for name in archive.namelist():
            if name.startswith(SCRIPTS):
                files[Path(name).name] = archive.read(name)

    lock = json.loads((pyodide / "pyodide-lock.json").read_text())
    # pyodide-lock insists on info.version, which newer locks lack: it gets one, the lock keeps its own info.
    info = {"version": "", **lock["info"]}
    spec = PyodideLockSpec(
        info=info,  # type: ignore[arg-type]
        packages={name: lock["packages"][name] for name in WANTED},
    )
    spec = add_wheels_to_spec(spec, [weblayers])
    for package in spec.packages.values():
        wheel = _find_wheel(package, [*compiled, dist, wheels])
        package.file_name = wheel.name
        update_package_sha256(package, wheel)
        files[wheel.name] = wheel.read_bytes()
    lock["packages"] = spec.model_dump()["packages"]
    files["pyodide-lock.json"] = json.dumps(lock, indent=1).encode()
    loaded = [name for name in files if Path(name).suffix in (".wasm", ".zip")]
    loaded += [package.file_name for package in spec.packages.values() if package.name in ("numpy", "weblayers")]
    files["runtime.json"] = json.dumps({"bytes": sum(len(files[name]) for name in loaded)}).encode()
    return files
