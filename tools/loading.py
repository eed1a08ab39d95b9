"""Measures first visits to pages, from this machine's disk: bytes, and seconds until Python is ready, until the first
step and until the first epoch; in Chromium also what the page's main thread does until some seconds later. Writes
build/loading.json.

Usage: loading.py [--browser NAME,...] [--docs]
"""

import argparse
import datetime
import gzip
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.browsers import NAMES, display_for, open_browser  # noqa: E402
from tools.marked import between  # noqa: E402
from weblayers.hosting.server import Handler, serving  # noqa: E402

SITE = ROOT / "build" / "site"
REPORT = ROOT / "build" / "loading.json"
GUIDE = ROOT / "docs" / "embedding.md"
BEGIN, END = "<!-- measured: tools/loading.py --docs writes what is between -->\n", "<!-- /measured -->"
# The first program has no charts and no data, the spiral charts that change all the time.
PAGES = {"the first program": "gallery/first/", "the spiral": "gallery/spiral/", "digits": ""}
TIMEOUT = 300
# So long after the first epoch the main thread is watched.
SECONDS_MORE = 6
# Tasks of more than 50 ms, which Chromium tells of, and what scripts take of each frame.
PROBE = """
window.tasks = [];
new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration)))
  .observe({ type: "longtask", buffered: true });
window.frames_ms = [];
const later = window.requestAnimationFrame;
let frame = -1;
window.requestAnimationFrame = (callback) => later.call(window, (time) => {
  const begun = performance.now();
  if (frame !== time) frames_ms.push(0);
  frame = time;
  const at = frames_ms.length - 1, before = frames_ms[at];
  const note = () => (frames_ms[at] = before + performance.now() - begun);
  try {
    callback(time);
  } finally {
    note();
    // with what the callback leaves for when it is over: so many rounds of it
    (async () => { for (let i = 0; i < 50; i++) { await null; note(); } })();
  }
});
"""
# `window`, as Firefox gives every script a global object of its own.
WATCH = """
window.times = {};
const program = document.querySelector("weblayers-run");
const begun = performance.now();
const note = (name) => (times[name] ??= (performance.now() - begun) / 1000);
program.addEventListener("ready", () => note("ready"));
program.addEventListener("backend", () => note("step"));
program.addEventListener("epoch", () => note("epoch"));
program.run();
"""


def visited(name: str, display: str | None, page: str) -> dict:
    """What a browser that has nothing yet has loaded, and when it was how far."""
    paths: list[str] = []

    class Counting(Handler):
        def log_request(self, code: object = "-", size: object = "-") -> None:
            # what the service worker fetches for later visits is not what this one waits for
            if not self.headers.get("Referer", "").endswith("offline.js"):
                paths.append(self.path.partition("?")[0])

    with serving(SITE, Counting) as url, open_browser(name, display) as driver:
        if name == "chromium":
            driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": PROBE})
        driver.get(f"{url}/{page}")
        driver.execute_script(WATCH)
        end = time.monotonic() + TIMEOUT
        while "epoch" not in (times := driver.execute_script("return window.times")):
            if time.monotonic() > end:
                sys.exit(f"{name}: no epoch after {TIMEOUT} seconds, but {times}")
            time.sleep(0.1)
        if name == "chromium":
            time.sleep(SECONDS_MORE)
            tasks, frames = driver.execute_script("return [window.tasks, window.frames_ms]")
            times["task"] = max(tasks, default=0)
            times["frame"] = statistics.quantiles(frames, n=20)[-1] if len(frames) > 1 else 0
    files = [SITE / path.lstrip("/") / ("index.html" if path.endswith("/") else "") for path in dict.fromkeys(paths)]
    contents = [path.read_bytes() for path in files if path.is_file()]
    return {"bytes": sum(map(len, contents)), "compressed": sum(len(gzip.compress(c)) for c in contents), **times}


def table(browsers: dict) -> str:
    """Rows for the guide."""
    heads = [
        "MB",
        "MB, compressed",
        "Python ready",
        "first step",
        "first epoch",
        "tasks over 50 ms",
        "ms of a frame, 95 %",
    ]
    rows = [f"| | | {' | '.join(heads)} |", "|---" * (len(heads) + 2) + "|"]
    for name, pages in browsers.items():
        for page, found in pages.items():
            sizes = (f"{found[k] / 1e6:.1f}" for k in ("bytes", "compressed"))
            times = (f"{found[k]:.1f} s" for k in ("ready", "step", "epoch"))
            longest = "-" if "task" not in found else f"{found['task']:.0f} ms" if found["task"] else "none"
            frame = f"{found['frame']:.1f}" if "frame" in found else "-"
            rows.append(f"| {name} | {page} | {' | '.join((*sizes, *times, longest, frame))} |")
    return "\n".join(rows) + "\n"


def guide_with(guide: str, browsers: dict) -> str:
    """The guide with these figures."""
    return between(guide, (BEGIN, END), table(browsers))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default=",".join(NAMES), help="names, separated by commas")
    parser.add_argument("--docs", action="store_true", help="measure nothing: bring the last report into the guide")
    options = parser.parse_args(arguments)
    if options.docs:
        GUIDE.write_text(guide_with(GUIDE.read_text(), json.loads(REPORT.read_text())["browsers"]))
        return
    names = options.browser.split(",")
    with display_for(names) as display:
        browsers = {name: {page: visited(name, display, path) for page, path in PAGES.items()} for name in names}
    REPORT.write_text(json.dumps({"browsers": browsers, "date": datetime.date.today().isoformat()}, indent=2) + "\n")
    print(table(browsers) + f"written to {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
