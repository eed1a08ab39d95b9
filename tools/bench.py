"""Measures weblayers against its peers on one page of a browser; writes build/bench.json, or build/bench-BROWSER.json.

Ours on WebAssembly always runs. Usage: bench.py [--only WORKLOAD,...] [--against CONTENDER,...] [--rounds N]
[--browser NAME] [--readme] [--docs]
"""

import argparse
import datetime
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools import bench_tables as tables  # noqa: E402
from tools.browser_table import BROWSERS  # noqa: E402
from tools.browsers import NAMES, display_for, open_browser  # noqa: E402
from tools.peers import PERF, peer_files  # noqa: E402
from weblayers.hosting.server import serving  # noqa: E402

SITE = ROOT / "build" / "bench"
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "speed.md"
PACKAGES = ROOT / "node_modules"

# Seconds for all workloads together; software rendering is slow.
TIMEOUT = 3600


# The page sets globalThis.bench to a promise of its results.
WAIT = """
const done = arguments[0];
const look = () => (globalThis.bench ? globalThis.bench.then(done) : setTimeout(look, 50));
look();
"""


def report_of(browser: str) -> Path:
    """The file of the report; the README's is the first browser's."""
    return ROOT / "build" / ("bench.json" if browser == NAMES[0] else f"bench-{browser}.json")


def assemble() -> None:
    """The benchmark's page beside the site's Pyodide."""
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    pages = {path.name: path for path in PERF.iterdir() if path.is_file()}
    for name, source in (pages | peer_files(PACKAGES)).items():
        (SITE / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, SITE / name)
    (SITE / "weblayers").symlink_to(ROOT / "build" / "site" / "weblayers")


def results(browser: str, page: str) -> dict:
    """What a page of measurements comes to, and the browser.

    Raises:
        SystemExit: the page failed.
    """
    with display_for([browser]) as screen, serving(SITE) as url, open_browser(browser, screen) as driver:
        driver.set_script_timeout(TIMEOUT)
        driver.command_executor.client_config.timeout = TIMEOUT + 10
        driver.get(f"{url}/{page}")
        result = driver.execute_async_script(WAIT)
        version = driver.capabilities["browserVersion"]
    if "error" in result:
        sys.exit(f"the benchmark failed: {result['error']}")
    return {**result, "browser": f"{BROWSERS[browser]} {version}"}


def measured(browser: str, query: str) -> dict:
    """The report of the benchmark."""
    result = results(browser, f"bench.html?{query}")
    # what has crossed WebDriver is in alphabetical order
    workloads = {name: result["workloads"][name] for name in tables.WORKLOADS if name in result["workloads"]}
    for workload in workloads.values():
        workload["ratios"] = tables.ratios(workload)
    versions = {
        Path(name).name: json.loads((PACKAGES / name / "package.json").read_text())["version"]
        for name in ("@tensorflow/tfjs", "@jax-js/jax")
    }
    return {
        **result,
        "workloads": workloads,
        "versions": versions,
        "date": datetime.date.today().isoformat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="workloads, separated by commas")
    parser.add_argument("--against", help="contenders beside ours on WebAssembly, separated by commas; '' for none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--browser", choices=NAMES, default="chromium")
    parser.add_argument("--readme", action="store_true", help="measure nothing: bring the last report into the README")
    parser.add_argument(
        "--docs", action="store_true", help="measure nothing: bring the browsers' reports into the docs"
    )
    options = parser.parse_args()
    if options.readme or options.docs:
        reports = [json.loads(path.read_text()) for name in NAMES if (path := report_of(name)).exists()]
        if options.readme:
            README.write_text(tables.readme_with(README.read_text(), reports[0]))
        if options.docs:
            GUIDE.write_text(tables.guide_with(GUIDE.read_text(), reports))
        return
    assemble()
    named = {"rounds": options.rounds, "only": options.only, "against": options.against}
    report = measured(options.browser, "&".join(f"{k}={v}" for k, v in named.items() if v is not None))
    path = report_of(options.browser)
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(tables.where(report), *tables.cannot(report), sep="\n")
    for rows in (tables.step_rows, tables.first_rows, tables.product_rows, tables.limit_rows):
        if made := rows(report):
            print("", tables.plain(made), sep="\n")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
