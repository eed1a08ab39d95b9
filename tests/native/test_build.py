"""Every verb of build.sh installs what it needs by itself: on a machine that has nothing of it, in any order."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERBS = re.findall(r"^  (\w+) ", (ROOT / "build.sh").read_text().split("Usage:")[1].split("TEXT")[0], re.M)
CHROMIUM = {"chromium", "chromium-driver"}
BROWSERS = CHROMIUM | {"firefox-esr", "webkit2gtk-driver", "xvfb"}
# what each verb opens
PACKAGES = {
    "test": BROWSERS,
    "bench": CHROMIUM,
    "bench --browser firefox": BROWSERS,
    "responsiveness": BROWSERS,
    "loading": BROWSERS,
    "smoke": CHROMIUM,
}

# A machine on which nothing is installed and everything that is asked for succeeds; it writes down what was.
STUBS = {
    "id": "echo 0",
    "dpkg-query": "exit 1",
    "apt-get": 'echo "apt-get $*" >>"$LOG"',
    "npm": 'echo "npm $*" >>"$LOG"; mkdir -p node_modules/.bin; cp "$STUBS/tool" node_modules/.bin/esbuild; '
    "mkdir -p node_modules/pyodide; : >node_modules/pyodide/python_stdlib.zip; "
    "mkdir -p node_modules/h5wasm; : >node_modules/h5wasm/LICENSE.txt; "
    'cp "$STUBS/tool" node_modules/.bin/tsc',
    "node": 'echo "node $*" >>"$LOG"; '
    '[[ $1 != *byte_compile* ]] || { mkdir -p "$3"; : >"$3/weblayers-0-py3-none-any.whl"; }',
    "tool": "exit 0",
    "python3": 'echo "python3 $*" >>"$LOG"; for last; do :; done; '
    'if [[ $* == *"-m venv"* ]]; then mkdir -p "$last/bin"; cp "$STUBS/python" "$last/bin/python"; fi',
    "python": 'echo "python $*" >>"$LOG"; '
    'if [[ $* == *"-m build"* ]]; then mkdir -p build/dist; : >build/dist/weblayers-0-x.whl; fi; '
    'if [[ $* == *"-m mkdocs"* ]]; then mkdir -p build/docs; fi; '
    'if [[ $* == *fetch_wheels* ]]; then for last; do :; done; mkdir -p "$last"; : >"$last/numpy-0-x.whl"; fi; exit 0',
}


@pytest.fixture
def machine(tmp_path):
    """Runs build.sh in a copy of the project's scripts, on that machine; gives what it has called."""
    stubs, project, log = tmp_path / "stubs", tmp_path / "project", tmp_path / "log"
    stubs.mkdir()
    for name, text in STUBS.items():
        (stubs / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (stubs / name).chmod(0o755)
    project.mkdir()
    for name in ("build.sh", "requirements.txt", "package-lock.json", "mkdocs.yml"):
        (project / name).write_bytes((ROOT / name).read_bytes())
    hosting = "src/weblayers/hosting"
    (project / hosting).mkdir(parents=True)
    for path in (ROOT / hosting).glob("byte_compile.*"):
        (project / hosting / path.name).write_bytes(path.read_bytes())
    environment = {
        "PATH": f"{stubs}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LOG": str(log),
        "STUBS": str(stubs),
    }

    def run(command):
        log.write_text("")
        done = subprocess.run(
            ["bash", "build.sh", *command.split()],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return log.read_text()

    return run


def installed(calls):
    lines = [line for line in calls.splitlines() if line.startswith("apt-get install")]
    return {word for line in lines for word in line.split()}


@pytest.mark.parametrize("command", [*VERBS, "bench --browser firefox"])
def test_a_verb_alone_installs_what_it_opens(machine, command):
    calls = machine(command)
    assert installed(calls) >= PACKAGES.get(command, set())
    assert "-m venv" in calls and "pip install" in calls


def test_all_verbs_in_turn(machine):
    calls = "".join(machine(verb) for verb in sorted(VERBS))
    assert installed(calls) >= BROWSERS
    # the virtual environment is made once, and the documentation
    assert calls.count("-m venv") == calls.count("-m mkdocs") == 1


def test_the_documentation_is_made_anew_when_a_page_of_it_changes(machine, tmp_path):
    assert "-m mkdocs" in machine("site")
    assert "-m mkdocs" not in machine("site")
    (tmp_path / "project" / "docs").mkdir()
    (tmp_path / "project" / "docs" / "new.md").write_text("# New")
    assert "-m mkdocs" in machine("site")
