"""Measures how the time of a training step grows with its work, into build/growth.json and the tables of docs/speed.md.

Usage: growth.py [--docs]; with --docs nothing is measured, the last report goes into the page.
"""

import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench import assemble, results  # noqa: E402
from tools.marked import between  # noqa: E402

REPORT = ROOT / "build" / "growth.json"
PAGE = ROOT / "docs" / "speed.md"
MARKERS = "<!-- grown: tools/growth.py --docs writes what is between -->", "<!-- /grown -->"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}"


def table(report: dict) -> str:
    """A table for each series. Beside the times, what grows with the work stays: multiply-adds per nanosecond."""
    lines = []
    for series in report["series"].values():
        title = series["title"]
        lines += [f"**{title[0].upper()}{title[1:]}**", ""]
        lines += ["| size | multiply-adds | draws | ms, WebAssembly | per ns | ms, WebGL | per ns |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for row in series["rows"]:
            wasm, webgl = row["wasm"], row["webgl"]
            work = wasm["multiply_adds"]
            cells = [row["n"], f"{work / 1e6:.3g} M", wasm["draws"]]
            for each in (wasm, webgl):
                cells += [number(each["ms"]), number(work / each["ms"] / 1e6)]
            lines.append(f"| {' | '.join(map(str, cells))} |")
        first, last = series["rows"][0], series["rows"][-1]
        powers = [
            math.log(last[by]["ms"] / first[by]["ms"]) / math.log(last["n"] / first["n"]) for by in ("wasm", "webgl")
        ]
        lines += [
            "",
            f"Time grows as size to the power of {powers[0]:.2f} on WebAssembly, {powers[1]:.2f} on WebGL.",
            "",
        ]
    return "\n".join(lines).rstrip()


def main() -> None:
    if "--docs" not in sys.argv:
        assemble()
        REPORT.write_text(json.dumps(results("chromium", "growth.html"), indent=1), encoding="utf-8")
    made = table(json.loads(REPORT.read_text(encoding="utf-8")))
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), MARKERS, f"\n\n{made}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    main()
