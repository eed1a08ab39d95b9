"""A program's page: a folder for any static host."""

from __future__ import annotations

import ast
import html
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from .imports import modules
from .offline import WORKER, address_of, offline_worker
from .runtime import check_packages, read_tree

# Where a page has its runtime, unless it takes one from elsewhere.
RUNTIME = "weblayers/"

PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>{title}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="page.css">
  <script src="{runtime}weblayers-run.js"></script>
</head>
<body>
  <h1>{title}</h1>
{prose}
  <weblayers-run {attributes}></weblayers-run>
  <noscript><p>This page runs a program: please allow JavaScript.</p></noscript>
  <footer>
    <p>{python} all the Python of this page, and {runs} without one too.</p>
  </footer>
</body>
</html>
"""


def build_page(
    program: Path,
    out: Path,
    runtime: Path | str,
    files: Iterable[Path] = (),
    packages: Sequence[str] = (),
    title: str | None = None,
    autorun: bool = False,
    offline: bool = False,
) -> list[str]:
    """Write a page that runs a program, and all that it needs, into a folder; gives the names of the files.

    Args:
        program: a Python file. Its docstring is the page's text: the first line is the title, if none is given.
        out: the folder; what is in it and not the page's stays.
        runtime: a runtime's folder, which is copied, or the URL of one.
        files: what the program opens: files beside or below it. The modules beside it that it imports come by
            themselves.
        packages: of Pyodide's, that the runtime has, or wheels: files that are copied too.
        offline: whether it works without a network after the first visit.

    Raises:
        ValueError: the program, or a module of it, is no Python, a file does not lie beside or below it, the folder
            has no runtime, or none with the packages, a page that is to work offline has its runtime elsewhere, or
            a file has the name of one of the page's own. Nothing is written then.
    """
    try:
        source = program.read_text(encoding="utf-8-sig")
        tree = ast.parse(source, str(program))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(f"{program} is no Python program: {error}") from None
    folder = program.resolve().parent
    needed = [*modules(tree, folder), *(path.resolve() for path in files)]
    wheels = [Path(name).resolve() for name in packages if name.endswith(".whl")]
    copied = {_name(path, folder): path for path in dict.fromkeys(needed)}
    copied |= {_name(path, path.parent): path for path in wheels}
    where = RUNTIME if isinstance(runtime, Path) else runtime.rstrip("/") + "/"
    if isinstance(runtime, Path) and not (runtime / "weblayers-run.js").is_file():
        raise ValueError(f"{runtime} has no weblayers-run.js: it is not a runtime's folder")
    if isinstance(runtime, Path):
        check_packages(runtime, [name for name in packages if not name.endswith(".whl")])
    if offline and not isinstance(runtime, Path):
        raise ValueError(f"a page that works offline has its runtime beside it, and not at {runtime}")
    flags = [*(["autorun"] if autorun else []), *([f'offline="{WORKER}"'] if offline else [])]
    text = _page(program.name, tree, where, [n for n in copied if not n.endswith(".whl")], packages, title, flags)

    made = {
        "index.html": text.encode(),
        "page.css": resources.files(__package__).joinpath("template/page.css").read_bytes(),
    }
    beside = read_tree(runtime, RUNTIME) if isinstance(runtime, Path) else {}
    own = {name: path.read_bytes() for name, path in {program.name: program, **copied}.items()}
    if taken := sorted(own.keys() & {*made, *beside, *([WORKER] if offline else [])}):
        raise ValueError(f"the page has a file of its own that is called {taken[0]}: give yours another name")
    made |= own
    if offline:
        made[WORKER] = offline_worker({**made, **beside}, RUNTIME)
    # all is there before anything is written
    for name, data in {**made, **beside}.items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return list(made)


def new_page(folder: Path) -> list[str]:
    """Write a program to begin with, and a test of it, into a new folder; gives the names of the files.

    Raises:
        ValueError: the folder has no name.
        FileExistsError: the folder has something in it.
    """
    if not folder.name:
        raise ValueError("the new folder needs a name")
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is there already, and not empty")
    folder.mkdir(parents=True, exist_ok=True)
    names = ["program.py", "test_program.py"]
    for name in names:
        (folder / name).write_bytes(resources.files(__package__).joinpath(f"template/{name}").read_bytes())
    return names


def _page(
    program: str,
    tree: ast.Module,
    runtime: str,
    files: Sequence[str],
    packages: Sequence[str],
    title: str | None,
    flags: Sequence[str],
) -> str:
    first, *rest = (ast.get_docstring(tree) or program.removesuffix(".py")).split("\n\n")
    given = {"src": [program], "files": files, "packages": [Path(package).name for package in packages]}
    # by spaces one address ends and the next begins
    addresses = {name: " ".join(address_of(each) for each in names) for name, names in given.items()}
    attributes = [f'{name}="{value}"' for name, value in addresses.items() if value]
    python = [program, *(name for name in files if name.endswith(".py"))]
    *links, last = [f'<a href="{address_of(name)}">{html.escape(name)}</a>' for name in python]
    return PAGE.format(
        title=html.escape(title or " ".join(first.split()).rstrip(".")),
        prose="\n".join(f"  <p>{html.escape(' '.join(part.split()))}</p>" for part in rest),
        runtime=html.escape(runtime),
        python=f"{', '.join(links)} and {last} are" if links else f"{last} is",
        runs="run" if links else "runs",
        attributes=" ".join([*attributes, *flags]),
    )


def _name(path: Path, folder: Path) -> str:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    if not path.is_relative_to(folder):
        raise ValueError(f"{path} must lie beside or below the program, in {folder}")
    return path.relative_to(folder).as_posix()
