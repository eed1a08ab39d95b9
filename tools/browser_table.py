"""Writes the table of docs/browsers.md: what works in which browser, by the results of the tests.

Usage: browser_table.py RESULTS.xml

The results are what `pytest --junitxml` has written of a run of all tests in tests/browser; `./build.sh test` writes
build/tests.xml.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.marked import between  # noqa: E402

PAGE = ROOT / "docs" / "browsers.md"
MARKERS = "<!-- tested: tools/browser_table.py writes what is between -->", "<!-- /tested -->"

# As tests name what they run in; a test that names none runs in the first.
BROWSERS = {
    "chromium": "Chromium",
    "chromium-pyodide-0.27.7": "Chromium, Pyodide 0.27.7",
    "firefox": "Firefox",
    "webkit": "WebKitGTK",
}
# What the tests of a file are about, or some of them by their names: the first that fits counts.
AREAS = (
    (r"test_(ops|layers|toolchain)\.", "ops, layers and gradients as with NumPy"),
    (r"test_(training|engine)\.", "training on WebGL2 and as WebAssembly"),
    (r"test_failover\.", "a GPU that is taken away"),
    (r"test_storage\.", "storage: local storage, IndexedDB, downloads, picked files"),
    (r"test_keras_files\.", "Keras' files, without a package"),
    (r"test_demo\.", "the demo of handwritten digits"),
    (r"test_steering\.", "trainings that are paused, kept, named, and let the page draw"),
    (r"test_runs\..*workers", "many runs side by side, in several workers"),
    (r"test_(embedding|controls|runs)\.", "programs in pages, below a path, under a strict policy"),
    (r"test_(live_)?charts\.", "charts"),
    (r"test_(data\.test_(cameras|microphones)|gallery\..*camera)", "camera and microphone"),
    (r"test_data\.", "data sets"),
    (r"test_offline\.", "without a network, after a first visit"),
    (r"test_gallery\..*elsewhere", "the first program, the spiral with a reload, the playground"),
    (r"test_speed\.", "the page that measures"),
    (r"test_pyscript\.", "PyScript, on the page and in its workers"),
    (
        r"test_(gallery|docs)\.",
        "the gallery and this documentation, at the width of a phone, with a check of accessibility",
    ),
)


class Case(NamedTuple):
    """A test that ran: ``module.name[parameters]``, and whether it passed."""

    name: str
    passed: bool


def cases(results: str) -> list[Case]:
    """The tests of browsers that ran, of pytest's XML; skipped ones did not."""
    found = []
    for case in ElementTree.fromstring(results).iter("testcase"):
        package, _, module = case.get("classname", "").rpartition(".")
        if package == "tests.browser" and case.find("skipped") is None:
            failed = any(case.find(tag) is not None for tag in ("failure", "error"))
            # the process that ran it comes behind its name
            name = (case.get("name") or "").partition("@")[0]
            found.append(Case(f"{module}.{name}", not failed))
    return found


def area_of(name: str) -> str:
    """What a test is about.

    Raises:
        LookupError: nobody has said so.
    """
    for pattern, words in AREAS:
        if re.match(pattern, name):
            return words
    raise LookupError(f"{name}: say in AREAS of tools/browser_table.py what it is about")


def browser_of(name: str) -> str:
    """What a test ran in: the longest name that is one of its parameters."""
    given = re.search(r"\[(.*)\]", name)
    parameters = f"-{given[1]}-" if given else ""
    return max((each for each in BROWSERS if f"-{each}-" in parameters), key=len, default="chromium")


def table(found: list[Case]) -> str:
    """The table, in Markdown: "yes" where all tests passed, else how many; nothing where none ran."""
    cells: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for case in found:
        cells[area_of(case.name), browser_of(case.name)].append(case.passed)
    lines = [f"| | {' | '.join(BROWSERS.values())} |", f"|{'---|' * (1 + len(BROWSERS))}"]
    for words in dict.fromkeys(words for _, words in AREAS):
        told = [_told(cells[words, browser]) for browser in BROWSERS]
        lines.append(f"| {words} | {' | '.join(told)} |")
    return "\n".join(re.sub(r"  +", " ", line) for line in lines)


def _told(passed: list[bool]) -> str:
    return "" if not passed else "yes" if all(passed) else f"{sum(passed)} of {len(passed)} tests"


def written(page: str, made: str) -> str:
    """The page with another table."""
    return between(page, MARKERS, f"\n\n{made}\n\n")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    found = cases(Path(sys.argv[1]).read_text(encoding="utf-8"))
    missing = {words for _, words in AREAS} - {area_of(case.name) for case in found}
    if missing:
        raise SystemExit(
            f"no test ran of: {', '.join(sorted(missing))}. The table is made of a run of all browser tests"
        )
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
