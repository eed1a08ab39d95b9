"""The modules beside a program that it imports, as ``python program.py`` finds them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

Name = tuple[str, ...]


def modules(program: ast.Module, folder: Path) -> list[Path]:
    """The files below the program's folder that it imports, and those that they import, with their packages.

    Raises:
        ValueError: one of them is no Python.
    """
    found: dict[Path, None] = {}
    waiting: list[tuple[ast.Module, Name]] = [(program, ())]
    while waiting:
        for name in _imported(*waiting.pop()):
            # a package is imported before what is in it
            for parts in (name[:end] for end in range(1, len(name) + 1)):
                path = _file(folder.joinpath(*parts))
                if path is not None and path not in found:
                    found[path] = None
                    waiting.append((_parsed(path), parts if path.name == "__init__.py" else parts[:-1]))
    return list(found)


def _imported(tree: ast.Module, package: Name) -> Iterator[Name]:
    """What a module of a package may import: also all that is no module, but a name in one."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (tuple(alias.name.split(".")) for alias in node.names)
            case ast.ImportFrom(module=module, level=level) if level <= len(package):
                above = package[: len(package) - level + 1] if level else ()
                origin = (*above, *(module.split(".") if module else ()))
                yield origin
                yield from ((*origin, alias.name) for alias in node.names)
            # `from package import *` imports what is listed
            case ast.Assign(targets=[ast.Name("__all__")], value=ast.List(names) | ast.Tuple(names)) if package:
                yield from ((*package, str(each.value)) for each in names if isinstance(each, ast.Constant))
            case ast.Call(func=ast.Attribute(attr=called) | ast.Name(called), args=[ast.Constant(str(name)), *_]) if (
                called in ("import_module", "__import__") and not name.startswith(".")
            ):
                yield tuple(name.split("."))


def _file(path: Path) -> Path | None:
    """The file of a module: a package's comes before a module's, and some packages have none."""
    candidates = (path / "__init__.py", path.with_name(f"{path.name}.py"))
    return next((each for each in candidates if each.is_file()), None)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path}, which the program imports, is no Python: {error}") from None
