"""Counts what a step draws, writes and holds on WebGL, ours and TensorFlow.js', into docs/speed.md.

Counts are of this machine no more than of any other. Usage: counts.py [--docs]; with --docs nothing is counted, the
last report goes into the page.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench import assemble, results  # noqa: E402
from tools.bench_tables import WORKLOADS, markdown  # noqa: E402
from tools.marked import between  # noqa: E402

REPORT = ROOT / "build" / "counts.json"
PAGE = ROOT / "docs" / "speed.md"
MARKERS = "<!-- counted: tools/counts.py --docs writes what is between -->", "<!-- /counted -->"
# small networks are counted elsewhere: nobody computes them on WebGL
COUNTED = [name for name in WORKLOADS if name not in ("dense1", "xor", "playground", "regression")]

# Read by a product for each multiply-add: 8 rows and 4 columns of blocks of 8x4 outputs, of four terms each.
PRODUCT_TEXELS = 12 / 128


def table(report: dict) -> str:
    """A row for each workload; bytes in millions, and the share of theirs that ours are."""
    rows = [
        [
            "a step on WebGL",
            "draws",
            "TensorFlow.js'",
            "MB written",
            "TensorFlow.js'",
            "MB held at most",
            "TensorFlow.js'",
            "share",
            "M texels read",
            "as products alone",
            "M multiply-adds",
        ]
    ]
    for name, found in report.items():
        ours, theirs = found["ours"], found["theirs"]
        cells = [WORKLOADS[name]]
        cells += [f"{each['draws']:.0f}" for each in (ours, theirs)]
        cells += [f"{each[what] / 1e6:.3g}" for what in ("written", "peak") for each in (ours, theirs)]
        cells += [f"{ours['peak'] / theirs['peak']:.2f}"]
        least = ours["multiply_adds"] * PRODUCT_TEXELS
        cells += [f"{value / 1e6:.3g}" for value in (ours["fetches"], least, ours["multiply_adds"])]
        rows.append(cells)
    return markdown(rows)


def main() -> None:
    if "--docs" not in sys.argv:
        assemble()
        # each on a page of its own: who has computed before holds textures
        report = {name: results("chromium", f"counts.html?only={name}") for name in COUNTED}
        REPORT.write_text(json.dumps(report, indent=1), encoding="utf-8")
    made = table(json.loads(REPORT.read_text(encoding="utf-8")))
    PAGE.write_text(between(PAGE.read_text(encoding="utf-8"), MARKERS, f"\n\n{made}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    main()
