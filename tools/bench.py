"""Measures weblayers against TensorFlow.js on one page in Chromium; writes build/bench.json.

Usage: bench.py [--only NAME,...] [--rounds N] [--browser NAME]
"""

import argparse
import datetime
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.browsers import NAMES, display_for, open_browser  # noqa: E402
from tools.serve import serving  # noqa: E402

SITE = ROOT / "build" / "bench"
TFJS = ROOT / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"

# Seconds for all workloads together; software rendering is slow.
TIMEOUT = 900


# The page sets globalThis.bench to a promise of its results.
WAIT = """
const done = arguments[0];
const look = () => (globalThis.bench ? globalThis.bench.then(done) : setTimeout(look, 50));
look();
"""


def assemble() -> None:
    """The benchmark's page beside the site's Pyodide."""
    shutil.rmtree(SITE, ignore_errors=True)
    SITE.mkdir(parents=True)
    for source in (*(ROOT / "tests" / "perf").iterdir(), TFJS):
        if source.is_file():
            shutil.copy(source, SITE)
    (SITE / "pyodide").symlink_to(ROOT / "build" / "site" / "pyodide")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="workloads, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--browser", choices=NAMES, default="chromium")
    options = parser.parse_args()
    if not TFJS.exists():
        sys.exit(f"{TFJS.relative_to(ROOT)} is missing: run ./build.sh bench, which installs it")
    assemble()
    query = f"rounds={options.rounds}" + (f"&only={options.only}" if options.only else "")
    display = display_for([options.browser])
    with display as screen, serving(SITE) as url, open_browser(options.browser, screen) as driver:
        driver.set_script_timeout(TIMEOUT)
        driver.command_executor.client_config.timeout = TIMEOUT + 10
        driver.get(f"{url}/bench.html?{query}")
        result = driver.execute_async_script(WAIT)
        agent = driver.execute_script("return navigator.userAgent")
    if "error" in result:
        sys.exit(f"the benchmark failed: {result['error']}")
    report = {
        "workloads": result["workloads"],
        "browser": agent,
        "renderer": result["renderer"],
        "date": datetime.date.today().isoformat(),
    }
    path = ROOT / "build" / "bench.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    for name, w in report["workloads"].items():
        print(
            f"{name}: {w['weblayers_ms']:.2f} ms/step ({w['draws_per_step']} draws), TensorFlow.js"
            f" {', '.join(f'{way} {ms:.2f}' for way, ms in w['tfjs_ms'].items())}: {w['ratio']:.1f}x;"
            f" first step {w['weblayers_first_step_ms']:.0f} against {w['tfjs_first_step_ms']:.0f} ms,"
            f" of which tracing and compiling {w['weblayers_compile_ms']:.0f}"
        )
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
