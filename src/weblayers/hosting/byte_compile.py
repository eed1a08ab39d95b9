"""Compile a wheel's .py files for the running Python; run inside Pyodide by byte_compile.mjs."""

import ast
import base64
import hashlib
import importlib.util
import marshal
import re
import sys
import zipfile
from pathlib import Path, PurePosixPath

# What wheels have for compilers and type checkers, and a module that no other of NumPy imports.
UNUSED = (".a", ".c", ".h", ".pxd", ".pyi")
UNUSED_MODULES = {"lapack_lite"}
UNUSED_FOLDERS = {"tests", "include", "_examples"}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def compiled(name: str, source: bytes, optimize: int = 0) -> bytes:
    """The bytes of the .pyc file for the module file `name`, which tracebacks will show."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=optimize)
    # PEP 552, unchecked: the source does not travel with the wheel, so there is nothing to check against.
    header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def bare(source: bytes) -> ast.Module:
    """A module without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            is_all = len(node.body) == 1 and not isinstance(node, ast.Module)
            node.body[:1] = [ast.copy_location(ast.Pass(), node.body[0])] if is_all else []
    return tree


def is_unused(path: PurePosixPath) -> bool:
    """Whether no page needs a file of a wheel; pages themselves are made elsewhere."""
    folders = {"hosting", *UNUSED_FOLDERS}.intersection(path.parts)
    return bool(folders) or path.suffix in UNUSED or path.name.partition(".")[0] in UNUSED_MODULES


def shorten(library: str, folder: str) -> None:
    """Write a zip file of sources into `folder`, without docstrings and comments; compiled, it would be larger."""
    with zipfile.ZipFile(library) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    for name, data in files.items():
        # Pyodide reads its own docstrings
        if name.endswith(".py") and "pyodide" not in name.split("/")[0]:
            files[name] = ast.unparse(bare(data)).encode()
    pack(files, Path(folder, Path(library).name))


def record(files: dict[str, bytes], name: str) -> bytes:
    """The wheel's RECORD, which lists every file with its hash and size, except itself."""

    def line(member: str, data: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        return f"{member},sha256={digest},{len(data)}"

    return "\n".join([*(line(*item) for item in files.items()), f"{name},,", ""]).encode()


def byte_compile(wheel: str, folder: str) -> None:
    """Write the byte-compiled `wheel` into `folder`; it then belongs to one version of Python, without docstrings.

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
        if is_unused(path):
            continue
        if path.suffix == ".py":
            files[str(path.with_suffix(".pyc"))] = compiled(name, data, optimize=2)
            cache = path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
            caches[str(cache)] = compiled(name, data)
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
    pack({**files, record_name: record(files, record_name)}, target)


def pack(files: dict[str, bytes], target: Path) -> None:
    """Write a zip file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in files.items():
            # A fixed date: the same wheel in gives the same bytes out.
            info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, 9)
