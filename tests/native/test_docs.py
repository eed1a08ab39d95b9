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


def run(blocks, page, namespace):
    """Run block after block in one namespace, as in a notebook."""

    async def main():
        for block in blocks:
            code = compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            result = eval(code, namespace)
            if inspect.isawaitable(result):
                await result
            # what a block has started is done before somebody runs the next
            await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    asyncio.run(main())


def blocks_of(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_pages_run(page, capsys, tmp_path, monkeypatch):
    """Their Python; Keras' own code is marked as "py"."""
    blocks = blocks_of(page, "python(?: run)?")
    assert blocks
    monkeypatch.chdir(tmp_path)
    run(blocks, page, {"wl": wl})
    if page == "README.md":
        assert "[[8." in capsys.readouterr().out.replace("9.0", "8.9")


RUNNABLE = [p for p in PAGES if blocks_of(p, "python run")]


@pytest.mark.parametrize("page", RUNNABLE)
def test_what_readers_run_needs_nothing_before_it(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in blocks_of(page, "python run"):
        run([block], page, {})


def test_these_pages_have_something_to_run():
    assert {f"docs/{name}.md" for name in ("index", "start", "keras", "tensorflow_js")} <= set(RUNNABLE)
