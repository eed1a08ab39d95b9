"""A runtime for pages of who has installed weblayers: made once, from npm's Pyodide and this package."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from importlib import metadata, resources
from pathlib import Path

from .runtime import LIBRARY, distribution, write_tree
from .wheels import fetch_wheels

PYODIDE = "314.0.3"


def cache() -> Path:
    """Where what was fetched is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weblayers"


def obtained_runtime(pyodide: Path | None = None) -> Path:
    """The folder of a runtime with this very weblayers; what is missing is fetched.

    Args:
        pyodide: the npm package ``pyodide``, unpacked; left out, npm fetches it.

    Raises:
        OSError: something is not to be had; the message says what to do.
    """
    home = cache()
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _own_wheel(Path(temporary))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()[:16]
        made = home / f"runtime-{PYODIDE}-{digest}"
        if (made / "runtime.json").is_file():
            return made
        pyodide = pyodide or _npm_package(home / f"npm-pyodide-{PYODIDE}")
        wheels = home / f"pyodide-{PYODIDE}"
        fetch_wheels(pyodide, wheels)
        compiled = _compiled(
            pyodide, Path(temporary) / "compiled", [wheel, *wheels.glob("numpy-*.whl"), pyodide / LIBRARY]
        )
        write_tree(distribution(pyodide, wheels, wheel.parent, compiled), made)
    return made


def _compiled(pyodide: Path, folder: Path, wheels: list[Path]) -> list[Path]:
    """The folder with wheels and standard library, small and fast to load. None where there is no Node.js to do it."""
    node = shutil.which("node")
    if node is None:
        return []
    script = str(resources.files(__package__).joinpath("byte_compile.mjs"))
    done = subprocess.run([node, script, pyodide, folder, *wheels], capture_output=True, text=True)
    return [] if done.returncode else [folder]


def _npm_package(folder: Path) -> Path:
    if (folder / "package.json").is_file():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise OSError(
            "npm, which fetches Pyodide, is not on PATH. Install Node.js, or give the npm package `pyodide`"
            f" {PYODIDE}, unpacked, by --pyodide, or a runtime by --runtime"
        )
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [npm, "pack", "--silent", f"pyodide@{PYODIDE}"], cwd=temporary, capture_output=True, text=True
        )
        if done.returncode:
            raise OSError(f"npm could not fetch pyodide@{PYODIDE}: {done.stderr.strip()}")
        with tarfile.open(next(Path(temporary).glob("*.tgz"))) as archive:
            archive.extractall(temporary, filter="data")
        shutil.copytree(Path(temporary) / "package", folder, dirs_exist_ok=True)
    return folder


def _own_wheel(folder: Path) -> Path:
    """A wheel of the weblayers that runs."""
    version = metadata.version("weblayers")
    wheel, info = folder / f"weblayers-{version}-py3-none-any.whl", f"weblayers-{version}.dist-info"
    package = Path(str(resources.files("weblayers")))
    if not list((package / "page" / "assets").glob("*.js")):
        raise OSError("this copy of weblayers has no scripts for pages: run ./build.sh wheel in its checkout")
    names = [path for path in sorted(package.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        # a fixed date: the same files give the same wheel
        for path in names:
            _write(archive, f"weblayers/{path.relative_to(package).as_posix()}", path.read_bytes())
        _write(
            archive,
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: weblayers\nVersion: {version}\nRequires-Dist: numpy\n".encode(),
        )
        _write(
            archive,
            f"{info}/WHEEL",
            b"Wheel-Version: 1.0\nGenerator: weblayers\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        _write(archive, f"{info}/RECORD", b"")
    return wheel


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
