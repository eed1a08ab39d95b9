"""Measures what a page's user feels while a network trains on its main thread; writes build/responsiveness.json.

Clicks are real ones; their delay is the time from the event to its handler.
Usage: responsiveness.py [--browser NAME,...]
"""

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from selenium.webdriver.common.by import By  # noqa: E402

from tools.bench import SITE, WAIT, assemble  # noqa: E402
from tools.browsers import NAMES, display_for, open_browser  # noqa: E402
from weblayers.hosting.server import serving  # noqa: E402

TIMEOUT = 300
# `window`, as Firefox gives every script a global object of its own.
START = """
window.result = undefined;
const end = (result) => (window.result = result);
window.measure(arguments[0], arguments[1]).then(end, (error) => end({ error: String(error) }));
"""


def measured(driver, way: str, workload: str) -> dict:
    """One training, with a click every third of a second."""
    driver.execute_script(START, way, workload)
    button = driver.find_element(By.ID, "button")
    begun = time.monotonic()
    while time.monotonic() - begun < TIMEOUT:
        button.click()
        time.sleep(0.3)
        result = driver.execute_script("return window.result")
        if result is not None:
            return result
    return {"error": "no end"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default=",".join(NAMES), help="names, separated by commas")
    options = parser.parse_args()
    assemble()
    found: dict = {}
    names = options.browser.split(",")
    with display_for(names) as display, serving(SITE) as url:
        for name in names:
            with open_browser(name, display) as driver:
                driver.set_script_timeout(TIMEOUT)
                driver.command_executor.client_config.timeout = TIMEOUT + 10
                driver.get(f"{url}/responsiveness.html")
                ready = driver.execute_async_script(WAIT)
                if ready != "ready":
                    sys.exit(f"{name}: {ready}")
                for workload in ("mnist_cnn", "lstm"):
                    for way in ("weblayers", "tfjs"):
                        result = measured(driver, way, workload)
                        if "error" in result:
                            sys.exit(f"{name}, {workload}, {way}: {result['error']}")
                        found.setdefault(name, {}).setdefault(workload, {})[way] = result
                        gaps, tasks, clicks = (result[k] for k in ("frame_gap_ms", "task_ms", "click_delay_ms"))
                        print(
                            f"{name} {workload} {way}: {result['steps']} steps in {result['seconds']:.1f} s; frames"
                            f" {gaps['median']:.0f}/{gaps['p95']:.0f}/{gaps['max']:.0f} ms, longest task"
                            f" {tasks['max']:.0f} ms, clicks {clicks['median']:.0f}/{clicks['max']:.0f} ms",
                            flush=True,
                        )
    path = ROOT / "build" / "responsiveness.json"
    # the tests write there what they have seen
    known = json.loads(path.read_text()) if path.exists() else {}
    report = {"browsers": found, "date": datetime.date.today().isoformat()}
    path.write_text(json.dumps({**known, **report}, indent=2) + "\n")
    print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
