"""How tensors are shown: as TensorFlow.js prints them, in a line, and as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np

# Values at each end of an axis that is shortened, and how many values are shown without.
_ENDS, _MOST = 3, 1000
_CELL = "padding:2px 8px;text-align:right;font-family:monospace;border:1px solid #94a3b855"


def printed(kind: str, values: np.ndarray, body: str, verbose: bool) -> str:
    """What TensorFlow.js prints of values that are written so."""
    lines = ["Tensor"]
    if verbose:
        shape = ",".join(map(str, values.shape))
        lines += [f"  dtype: {kind}", f"  rank: {values.ndim}", f"  shape: [{shape}]", "  values:"]
    return "\n".join([*lines, *("    " + line for line in body.splitlines())])


def written(values: np.ndarray) -> str:
    """Values as TensorFlow.js writes them; many are shortened."""
    return np.array2string(values, separator=", ", formatter={"float_kind": _number}, threshold=_MOST, edgeitems=_ENDS)


def _number(value: Any) -> str:
    return np.format_float_positional(np.float32(value), precision=7, unique=True, trim="-")


def line(shape: Sequence[int], dtype: str, where: str, values: np.ndarray | None) -> str:
    """A tensor in a line or a few; reading the device would block, so its values are shown once they are read."""
    if values is None:
        text = "not read yet: await t.array(), or t.numpy()"
    else:
        text = np.array2string(values, separator=", ", threshold=20, edgeitems=_ENDS)
    return f"<Tensor: shape={tuple(shape)}, dtype={dtype}, on={where}, values={text}>"


def table(shape: Sequence[int], dtype: str, where: str, values: np.ndarray | None) -> str:
    """A tensor as HTML: vectors and matrices as a table, whose middle is left out where it is large."""
    head = f"Tensor of shape {tuple(shape)}, {dtype}, on {where}"
    if values is None:
        body = "<pre>not read yet: <b>await t.array()</b>, or t.numpy()</pre>"
    elif values.ndim in (1, 2) and values.size:
        rows = [_row(row) for row in _shortened(list(np.atleast_2d(values)))]
        body = f'<table style="border-collapse:collapse">{"".join(rows)}</table>'
    else:
        body = f"<pre>{html.escape(written(values))}</pre>"
    return f"<div><div>{html.escape(head)}</div>{body}</div>"


def _row(values: Any) -> str:
    cells = ["⋮"] if values is None else ["…" if v is None else html.escape(_cell(v)) for v in _shortened(list(values))]
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, np.floating) else str(value)


def _shortened(items: list[Any]) -> list[Any]:
    """The items, or where they are many those at both ends, with None between."""
    return items if len(items) <= 4 * _ENDS else [*items[:_ENDS], None, *items[-_ENDS:]]
