"""What pages load of wheels and of the standard library: all that programs use, and nothing else."""

import importlib.util
import sys
import zipfile
import zipimport
from pathlib import Path

import pytest

from tools.loading import BEGIN, END, guide_with

HOSTING = Path(__file__).parents[2] / "src" / "weblayers" / "hosting"
MODULE = '''"""What it is."""
from __future__ import annotations

class Documented:
    """Nothing else."""

def f(x):
    """Twice."""
    return 2 * x  # a comment
'''


@pytest.fixture(scope="module")
def script():
    """The script that runs in Pyodide."""
    spec = importlib.util.spec_from_file_location("byte_compile", HOSTING / "byte_compile.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(path)


def loaded(archive, name):
    """A module of a zip file, as Python imports it from there."""
    spec = zipimport.zipimporter(str(archive)).find_spec(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_wheel_without_docstrings_and_what_compilers_read(script, tmp_path):
    unused = [
        "thing/a.pyi",
        "thing/include/b.txt",
        "thing/c.h",
        "thing/lapack_lite.cpython-314.so",
        "thing/hosting/d.py",
    ]
    info = {"thing-1.dist-info/WHEEL": "Tag: py3-none-any\n", "thing-1.dist-info/RECORD": ""}
    wheel = zipped(
        tmp_path / "thing-1-py3-none-any.whl",
        {"thing.py": MODULE, "data.txt": "kept", **dict.fromkeys(unused, ""), **info},
    )
    (tmp_path / "out").mkdir()
    script.byte_compile(wheel, str(tmp_path / "out"))
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    small, pure = (tmp_path / "out" / f"thing-1-{each}-none-any.whl" for each in (tag, "py3"))
    with zipfile.ZipFile(small) as archive:
        assert sorted(archive.namelist()) == ["data.txt", "thing-1.dist-info/RECORD", *list(info)[:1], "thing.pyc"]
        assert archive.read("thing-1.dist-info/WHEEL").decode() == f"Tag: {tag}-none-any\n"
        assert b"thing.pyc,sha256=" in archive.read("thing-1.dist-info/RECORD")
    module = loaded(small, "thing")
    assert module.f(2) == 4 and module.__doc__ is module.f.__doc__ is module.Documented.__doc__ is None
    with zipfile.ZipFile(pure) as archive:
        # who installs it in a page gets the sources, and what they compile to, docstrings and all
        assert set(unused) <= set(archive.namelist()) and archive.read("thing.py").decode() == MODULE
        assert any(
            name.startswith("__pycache__/thing.") and b"Twice." in archive.read(name) for name in archive.namelist()
        )


def test_the_library_is_shorter_and_does_the_same(script, tmp_path):
    library = zipped(tmp_path / "library.zip", {"module.py": MODULE, "_pyodide/own.py": MODULE, "data.txt": "kept"})
    (tmp_path / "out").mkdir()
    script.shorten(library, str(tmp_path / "out"))
    with zipfile.ZipFile(tmp_path / "out" / "library.zip") as archive:
        short = archive.read("module.py").decode()
        assert archive.read("_pyodide/own.py").decode() == MODULE and archive.read("data.txt") == b"kept"
    assert "comment" not in short and '"""' not in short
    assert loaded(tmp_path / "out" / "library.zip", "module").f(2) == 4


def test_the_guide_has_the_figures():
    found = {"bytes": 16_400_000, "compressed": 8_900_000, "ready": 6.8, "step": 7.1, "epoch": 7.14}
    guide = guide_with(f"before {BEGIN}old\n{END} after", {"chromium": {"digits": found}})
    assert guide.startswith("before ") and guide.endswith(f"{END} after") and "old" not in guide
    assert "| chromium | digits | 16.4 | 8.9 | 6.8 s | 7.1 s | 7.1 s | - | - |\n" in guide
