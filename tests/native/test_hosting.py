"""Pages from programs: what is written into the folder, and what is refused."""

import json
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import pytest

from weblayers.__main__ import main
from weblayers.hosting.pages import build_page
from weblayers.hosting.server import make_server


@pytest.fixture
def runtime(tmp_path):
    folder = tmp_path / "runtime"
    folder.mkdir()
    for name in ("weblayers-run.js", "runtime.json", "weblayers-offline.js"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "work" / "train.py"
    path.parent.mkdir()
    path.write_text('"""A <curve>.\n\nWith some\nwords & more."""\nimport numpy\nimport helper\n')
    (path.parent / "helper.py").write_text("import deeper.more\n")
    (path.parent / "deeper").mkdir()
    (path.parent / "deeper" / "__init__.py").write_text("")
    (path.parent / "deeper" / "more.py").write_text("import helper\n")
    (path.parent / "data.csv").write_text("1,2\n")
    return path


def test_a_page_has_all_that_its_program_needs(tmp_path, program, runtime, capsys):
    out = tmp_path / "site"
    data = str(program.parent / "data.csv")
    given = ["build", str(program), "--out", str(out), "--runtime", str(runtime), "--files", data, "--autorun"]
    assert main(given) == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names >= {"index.html", "page.css", "train.py", "data.csv", "helper.py", "deeper/more.py"}
    assert "weblayers/weblayers-run.js" in names
    page = (out / "index.html").read_text()
    assert "<title>A &lt;curve&gt;</title>" in page and "<p>With some words &amp; more.</p>" in page
    assert 'src="train.py" files="helper.py deeper/__init__.py deeper/more.py data.csv" autorun' in page
    # strict policies forbid what stands in the page itself
    assert "<style" not in page and "style=" not in page and "<script>" not in page
    assert str(out) in capsys.readouterr().out


def test_a_page_for_visits_without_a_network(tmp_path, program, runtime, capsys):
    out = tmp_path / "site"
    (runtime / "pyodide-lock.json").write_text('{"file_name": "weblayers-0-cp3-none-any.whl"}')
    for name in ("weblayers-0-cp3-none-any.whl", "weblayers-0-py3-none-any.whl"):
        (runtime / name).write_text(name)
    assert main(["build", str(program), "--out", str(out), "--runtime", str(runtime), "--offline"]) == 0
    assert 'offline="offline.js"' in (out / "index.html").read_text()

    def listed():
        text = (out / "offline.js").read_text()
        return {each["url"]: each for each in json.loads(text[text.index("[") : text.index("];") + 1])}

    before = listed()
    assert {"index.html", "page.css", "train.py", "helper.py", "weblayers/weblayers-run.js"} <= set(before)
    assert "weblayers/weblayers-0-cp3-none-any.whl" in before
    assert "weblayers/weblayers-0-py3-none-any.whl" not in before, "no page loads it"
    program.write_text(program.read_text() + "print(1)\n")
    main(["build", str(program), "--out", str(out), "--runtime", str(runtime), "--offline"])
    assert {name for name, entry in listed().items() if entry != before[name]} == {"train.py"}

    assert main(["build", str(program), "--out", str(out), "--runtime", "https://cdn.example/wl", "--offline"]) == 1
    assert "has its runtime beside it" in capsys.readouterr().err


def test_all_names_of_files_are_addresses_in_the_page(tmp_path, runtime):
    names = ["pröög#1?.py", "d ä/100%25.csv", 'a,b&"<i>.txt', "own-1.0+cpu-py3-none-any.whl"]
    for name in names:
        path = tmp_path / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    program, *files, wheel = [tmp_path / "work" / name for name in names]
    build_page(program, tmp_path / "site", runtime, files, [str(wheel)], offline=True)
    page = (tmp_path / "site" / "index.html").read_text()
    found = [
        address
        for part in ("src", "files", "packages")
        for address in page.split(f' {part}="')[-1].split('"')[0].split()
    ]
    assert f'<a href="{found[0]}">pröög#1?.py</a>' in page
    with make_server(tmp_path / "site") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, address in zip(names, found, strict=True):
            url = urllib.parse.urljoin(f"http://127.0.0.1:{server.server_port}/", address)
            assert urllib.parse.unquote(urllib.parse.urlparse(url).path) == f"/{name}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200
            assert f'"url": "{address}"' in (tmp_path / "site" / "offline.js").read_text()
        server.shutdown()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--offline"], "the runtime has no weblayers-offline.js"),
        (["--packages", "none-1.0-py3-none-any.whl"], "there is no file"),
        (["--files", "index.html"], "a file of its own that is called index.html"),
    ],
    ids=["offline", "wheel", "name"],
)
def test_a_build_that_fails_writes_nothing(tmp_path, program, runtime, capsys, monkeypatch, options, message):
    monkeypatch.chdir(program.parent)
    (runtime / "weblayers-offline.js").unlink()
    (program.parent / "index.html").write_text("")
    assert main(["build", "train.py", "--out", str(tmp_path / "site"), "--runtime", str(runtime), *options]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_a_page_is_built_again_with_the_runtime_that_it_has(tmp_path, program, runtime):
    first = build_page(program, tmp_path / "site", runtime, offline=True)
    assert build_page(program, tmp_path / "site", tmp_path / "site" / "weblayers", offline=True) == first
    with pytest.raises(SystemExit):
        main(["build", str(program), "--runtime", str(runtime), "--pyodide", str(runtime)])


def test_a_runtime_from_elsewhere_is_not_copied(tmp_path, program):
    build_page(program, tmp_path / "site", "https://cdn.example/weblayers")
    page = (tmp_path / "site" / "index.html").read_text()
    assert '<script src="https://cdn.example/weblayers/weblayers-run.js">' in page
    assert not (tmp_path / "site" / "weblayers").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.write_text("def f(:\n"), "no Python program"),
        (lambda p: p.write_bytes(b"\xff\xfe\x00x"), "no Python program"),
        (lambda p: p.unlink(), "No such file"),
    ],
    ids=["syntax", "bytes", "missing"],
)
def test_what_is_no_program_is_refused(tmp_path, program, runtime, capsys, change, message):
    change(program)
    assert main(["build", str(program), "--out", str(tmp_path / "site"), "--runtime", str(runtime)]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "site").exists()


def test_packages_are_those_that_the_runtime_has(tmp_path, program, runtime, capsys):
    def package(name, *depends):
        return {"name": name, "file_name": f"{name}-1-py3-none-any.whl", "depends": list(depends)}

    packages = {
        "numpy": package("numpy"),
        "some-tools": package("some_tools", "numpy"),
        "pandas": package("pandas", "some_tools", "pytz"),
    }
    (runtime / "pyodide-lock.json").write_text(json.dumps({"packages": packages}))
    for name in ("numpy", "some_tools", "pandas"):
        (runtime / f"{name}-1-py3-none-any.whl").write_text("")

    def build(*names):
        out = tmp_path / "site"
        code = main(["build", str(program), "--out", str(out), "--runtime", str(runtime), "--packages", *names])
        assert out.exists() == (code == 0)
        return capsys.readouterr().err

    assert "has no package scipy, but numpy, pandas, some-tools. Give its wheel" in build("numpy", "scipy")
    assert "has no package pytz, which pandas needs, but" in build("pandas")
    (runtime / "some_tools-1-py3-none-any.whl").unlink()
    assert "has no package some-tools, which pandas needs, but numpy, pandas. " in build("pandas")
    (runtime / "some_tools-1-py3-none-any.whl").write_text("")
    assert build("Some_Tools") == ""
    assert 'packages="Some_Tools"' in (tmp_path / "site" / "index.html").read_text()
    (runtime / "pyodide-lock.json").unlink()
    with pytest.raises(ValueError, match="has no package numpy, but none"):
        build_page(program, tmp_path / "other", runtime, packages=["numpy"])


def test_files_lie_below_the_program(tmp_path, program, runtime):
    (tmp_path / "secret.txt").write_text("x")
    for path in (tmp_path / "secret.txt", program.parent / "none.txt"):
        with pytest.raises(ValueError, match="beside or below|no file"):
            build_page(program, tmp_path / "site", runtime, [path])
    with pytest.raises(ValueError, match="not a runtime's folder"):
        build_page(program, tmp_path / "site", program.parent)


TREE = {
    "pkg/__init__.py": "from .a import A\n__all__ = ['starred']\n",
    "pkg/a.py": "from . import b\nfrom ..pkg import uncle\nA = b.B\n",
    "pkg/b.py": "import importlib\nB = importlib.import_module('dynamic').D\n",
    "pkg/mod.py": "def later():\n    from .sub.deep import DEEP\n    return DEEP\n",
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "from ...pkg import uncle\nfrom .. import cousin\nfrom ..sub import deeper\nDEEP = 1\n",
    "pkg/sub/deeper.py": "",
    "pkg/cousin.py": "",
    "pkg/other.py": "",
    "pkg/starred.py": "",
    "space/inside.py": "\ufeffimport dynamic\n",
    "dynamic.py": "D = 1\n",
    "dynamic/no_package.txt": "",
}


def test_all_that_a_program_imports_comes_with_it(tmp_path, runtime):
    """As Python finds it: packages, what is in them by any spelling, and files that begin with a byte-order mark."""
    program = "\ufeff'Title'\nimport pkg.mod, space.inside\nfrom pkg import other, nothing_of_the_kind\n"
    for name, text in {**TREE, "pkg/unused.py": "", "pkg/uncle.py": "", "x.py": program}.items():
        path = tmp_path / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    names = build_page(tmp_path / "source" / "x.py", tmp_path / "site", runtime)
    # nothing is above a package of the top
    wanted = {name for name in TREE if name.endswith(".py")}
    assert {name for name in names if name.endswith(".py")} == {"x.py", *wanted}
    assert "<title>Title</title>" in (tmp_path / "site" / "index.html").read_text()
    (tmp_path / "source" / "pkg" / "other.py").write_text("def (:\n")
    with pytest.raises(ValueError, match="other.py, which the program imports, is no Python"):
        build_page(tmp_path / "source" / "x.py", tmp_path / "site", runtime)


def test_a_new_program_runs_and_is_tested(tmp_path, runtime, capsys):
    folder = tmp_path / "curve"
    assert main(["new", str(folder)]) == 0
    assert main(["new", str(folder)]) == 1
    assert "not empty" in capsys.readouterr().err
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stdout
    assert main(["build", str(folder / "program.py"), "--out", str(tmp_path / "site"), "--runtime", str(runtime)]) == 0
    assert "<title>A network learns a curve</title>" in (tmp_path / "site" / "index.html").read_text()


def test_serving_names_the_types_that_browsers_insist_on(tmp_path, capsys):
    (tmp_path / "a.mjs").write_text("1")
    with make_server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/a.mjs", timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        server.shutdown()
    assert main(["serve", str(tmp_path), "--port", "99999"]) == 1
    assert "0 to 65535" in capsys.readouterr().err
    assert main(["new", ""]) == 1
    assert main(["serve", str(tmp_path / "none")]) == 1
    assert "weblayers build" in capsys.readouterr().err


def test_serving_says_that_a_port_is_taken(tmp_path, capsys, monkeypatch):
    def interrupted(server):
        raise KeyboardInterrupt

    with make_server(tmp_path) as other:
        monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
        assert main(["serve", str(tmp_path), "--port", str(other.server_port)]) == 0
        first, second = capsys.readouterr().out.split("\n")[:2]
        assert first == f"Port {other.server_port} is taken; this is another:" and second.startswith("Open http://")
        assert f":{other.server_port}/" not in second
    assert main(["serve", str(tmp_path), "--port", "0"]) == 0
    assert "taken" not in capsys.readouterr().out


def test_a_pages_foot_names_all_its_python(tmp_path, program, runtime):
    build_page(program, tmp_path / "site", runtime)
    foot = (tmp_path / "site" / "index.html").read_text().split("<footer>")[1]
    assert '<a href="train.py">train.py</a>, <a href="helper.py">helper.py</a>' in foot
    assert '<a href="deeper/more.py">deeper/more.py</a> are all the Python of this page, and run without' in foot
    program.write_text("print(1)")
    build_page(program, tmp_path / "single", runtime)
    foot = (tmp_path / "single" / "index.html").read_text().split("<footer>")[1]
    assert '<a href="train.py">train.py</a> is all the Python of this page, and runs without' in foot
