"""Examples in docstrings and in the README run."""

import ast
import asyncio
import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import weblayers as wl

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MODULES = sorted(m.name for m in pkgutil.walk_packages(wl.__path__, "weblayers."))


@pytest.mark.parametrize("name", ["weblayers", *MODULES])
def test_docstrings(name):
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert not failures


def test_ops_have_docstrings():
    missing = [name for name in wl.ops.__all__ if not inspect.getdoc(getattr(wl, name))]
    assert not missing


# Pages without a program: lists that tools write, and words.
WITHOUT_PROGRAMS = {"browsers", "layers", "ops", "speed"}
PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in DOCS.glob("*.md") if p.stem not in WITHOUT_PROGRAMS)]


@pytest.mark.parametrize("page", PAGES)
def test_pages_run(page, capsys, tmp_path, monkeypatch):
    """Their Python, block after block in one namespace, as in a notebook; Keras' own code is marked as "py"."""
    blocks = re.findall(r"```python(?: run)?\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks

    async def main():
        namespace = {"wl": wl}
        for block in blocks:
            code = compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)
            if inspect.isawaitable(result):
                await result
            # what a block has started is done before somebody runs the next
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    monkeypatch.chdir(tmp_path)
    asyncio.run(main())
    if page == "README.md":
        assert "[[8." in capsys.readouterr().out.replace("9.0", "8.9")
