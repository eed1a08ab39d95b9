"""Charts as HTML files: the data, and the script that draws them, in one."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import importlib.resources
import json
import math
from typing import Any

import numpy as np

# The module that pages import, too. It draws what stands in an element of this name.
SCRIPT, _ELEMENT = "weblayers_charts.mjs", "weblayers-chart"

# Pixels that a chart takes by itself; tables and pictures take what they have.
_HEIGHTS = {"heatmap": 420, "confusion": 460, "boundary": 480, "network": 480}
_HEIGHT, _ROW = 340, 30
_MOST = 900


def document(chart: dict[str, Any], title: str) -> str:
    """The HTML page of a chart. Its policy allows nothing but its own script."""
    script = _script()
    source = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; script-src 'sha256-{source}'"
    # nothing in the data can end the element
    data = json.dumps(_plain(chart), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_in_ascii(title)}</title>\n<body>\n"
        f'<script type="application/json" id="{_ELEMENT}">{data}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def _in_ascii(text: str) -> str:
    """Text for HTML, which may become a part of a page in any encoding."""
    return html.escape(text).encode("ascii", "xmlcharrefreplace").decode()


@functools.cache
def _script() -> str:
    found = importlib.resources.files(__package__) / "assets" / SCRIPT
    if not found.is_file():
        raise FileNotFoundError(f"weblayers/vis/assets/{SCRIPT} is missing, which draws charts: run `./build.sh wheel`")
    return found.read_text(encoding="utf-8").replace("</script", "<\\/script").strip()


def height(chart: dict[str, Any]) -> int:
    """The pixels that a frame around a chart should have."""
    data, options = chart["data"], chart["options"]
    if chart["kind"] == "group":
        return min(_MOST, sum(height(c) for c in data["charts"]) + _ROW)
    if chart["kind"] == "table":
        return min(_MOST, _ROW * (len(data["rows"]) + 3))
    if chart["kind"] == "images":
        return min(_MOST, _ROW + 100 * math.ceil(data["count"] / options.get("columns", 6)))
    return int(options.get("height", _HEIGHTS.get(chart["kind"], _HEIGHT))) + 2 * _ROW


def _plain(value: Any) -> Any:
    """The same with what JSON has: bytes as text, numbers with as many digits as show, those that are none as null."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return base64.b64encode(value.tobytes()).decode()
    if isinstance(value, np.ndarray):
        return [_plain(each) for each in value.reshape(-1).tolist()]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value
