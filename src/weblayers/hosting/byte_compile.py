"""Compile a wheel's .py files for the running Python; run inside Pyodide by byte_compile.mjs."""

import base64
import hashlib
import py_compile
import re
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath


def compiled(name: str, source: bytes) -> bytes:
    """The bytes of the .pyc file for the module file `name`, which tracebacks will show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "module.py")
        path.write_bytes(source)
        # Unchecked: the source does not travel with the wheel, so there is nothing to check against.
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        pyc = py_compile.compile(str(path), dfile=name, doraise=True, invalidation_mode=mode)
        assert pyc is not None
        return Path(pyc).read_bytes()


def record(files: dict[str, bytes], name: str) -> bytes:
    """The wheel's RECORD, which lists every file with its hash and size, except itself."""

    def line(member: str, data: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        return f"{member},sha256={digest},{len(data)}"

    return "\n".join([*(line(*item) for item in files.items()), f"{name},,", ""]).encode()


def byte_compile(wheel: str, folder: str) -> None:
    """Write the byte-compiled `wheel` into `folder`; it then belongs to one version of Python.

    A pure wheel is written there a second time, under its own name: its sources, for every Python, and beside them what
    this Python has made of them, as who installs it in a page would otherwise compile all of it at each load.
    """
    files: dict[str, bytes] = {}
    caches: dict[str, bytes] = {}
    record_name = wheel_name = ""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    with zipfile.ZipFile(wheel) as archive:
        sources = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    for name, data in sources.items():
        path = PurePosixPath(name)
        if "hosting" in path.parts:
            # pages are made elsewhere
            continue
        if path.suffix == ".py":
            pyc = compiled(name, data)
            files[str(path.with_suffix(".pyc"))] = pyc
            caches[str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")] = pyc
        elif path.name == "RECORD":
            record_name = name
        elif path.parent.name != "assets":
            # scripts for pages are served beside the wheel
            wheel_name = name if path.name == "WHEEL" else wheel_name
            files[name] = data
    pure = "-py3-none-any"
    if pure in wheel:
        write({**sources, **caches}, record_name, Path(folder, Path(wheel).name))
    files[wheel_name] = re.sub(rb"(?m)^Tag: py3-none-any$", f"Tag: {tag}-none-any".encode(), files[wheel_name])
    write(files, record_name, Path(folder, Path(wheel).name.replace(pure, f"-{tag}-none-any")))


def write(files: dict[str, bytes], record_name: str, target: Path) -> None:
    """Write a wheel."""
    files = {name: data for name, data in files.items() if name != record_name}
    files[record_name] = record(files, record_name)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # A fixed date: the same wheel in gives the same bytes out.
            info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
