"""What charts say in words: what somebody who sees them would tell of them first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NOTHING = "nothing to show yet"

# A line that ends as near to its beginning, in shares of what it spans, neither falls nor rises.
_LEVEL = 0.05


def number(value: float) -> str:
    """
    >>> number(0.123456), number(3.0), number(12345678.0)
    ('0.1235', '3', '12345678')
    """
    value = float(value)
    whole = value == round(value) if np.isfinite(value) else False
    return f"{value:.0f}" if whole and abs(value) < 1e9 else f"{value:.4g}"


def count(many: int, noun: str) -> str:
    """
    >>> count(1, "point"), count(2, "batch"), count(0, "class"), count(4, "epoch")
    ('1 point', '2 batches', '0 classes', '4 epochs')
    """
    ending = "" if many == 1 else "es" if noun.endswith(("s", "x", "tch")) else "s"
    return f"{many} {noun}{ending}"


def none(many: int, noun: str = "value") -> str:
    """Of numbers none of which can be drawn: that there are none at all, or what they are.

    >>> none(0), none(2)
    ('nothing to show yet', 'none of 2 values is a finite number')
    """
    return f"none of {count(many, noun)} is a finite number" if many else NOTHING


def line(name: str, x: np.ndarray, y: np.ndarray, unit: str = "x") -> str:
    """The way that a line takes.

    >>> line("loss", np.arange(1, 4), np.array([0.9, 0.09, 0.1]), "epoch")
    'loss over 3 epochs: falls from 0.9 to 0.1, lowest 0.09 at epoch 2'
    >>> line("a", np.array([3, 1, 2]), np.array([1.0, 2.0, 3.0]), "x")
    'a over x 1 to 3: falls from 2 to 1'
    """
    known = np.isfinite(y) & np.isfinite(x)
    if not known.any():
        return f"{name}: {none(len(y))}"
    gaps = len(y) - int(known.sum())
    missing = f", {count(gaps, 'gap')}" if gaps else ""
    # of batches, some may have been left out
    counted = unit in ("epoch", "batch", "step") and bool(np.all(np.diff(x) == 1))
    over, (x, y) = count(len(y), unit), (x[known], y[known])
    # as they are drawn
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    if not counted:
        over = f"{unit} {number(x.min())} to {number(x.max())}"
    if len(y) == 1:
        return f"{name}: {number(y[0])} at {unit} {number(x[0])}{missing}"
    first, last, low, high = y[0], y[-1], y.min(), y.max()
    if low == high:
        way = f"stays at {number(low)}"
    elif abs(last - first) <= _LEVEL * (high - low):
        way = f"begins and ends near {number(last)}, between {number(low)} and {number(high)}"
    elif last < first:
        way = f"falls from {number(first)} to {number(last)}"
        way += f", lowest {number(low)} at {unit} {number(x[y.argmin()])}" if low < last else ""
    else:
        way = f"rises from {number(first)} to {number(last)}"
        way += f", highest {number(high)} at {unit} {number(x[y.argmax()])}" if high > last else ""
    return f"{name} over {over}: {way}{missing}"


def cloud(name: str, x: np.ndarray, y: np.ndarray) -> str:
    """Where points lie."""
    known = np.isfinite(y) & np.isfinite(x)
    if not known.any():
        return f"{name}: {none(len(y), 'point')}"
    (left, right), (low, high) = ((number(v[known].min()), number(v[known].max())) for v in (x, y))
    return f"{name}: {count(int(known.sum()), 'point')}, x from {left} to {right}, y from {low} to {high}"


def bars(labels: Sequence[str], values: np.ndarray) -> str:
    known = np.flatnonzero(np.isfinite(values)).tolist()
    if not known:
        return none(len(values))
    if len(known) <= 8:
        return ", ".join(f"{labels[i]}: {number(values[i])}" for i in known)
    top, bottom = (known[int(pick(values[known]))] for pick in (np.argmax, np.argmin))
    return (
        f"{count(len(known), 'bar')}, the highest {labels[top]} with {number(values[top])},"
        f" the lowest {labels[bottom]} with {number(values[bottom])}"
    )


def histogram(edges: np.ndarray, counts: np.ndarray, stats: dict[str, float]) -> str:
    if not counts.sum():
        return _faults(stats).removeprefix(", ") or NOTHING
    most = int(counts.argmax())
    return (
        f"{count(int(stats['values']), 'value')} from {number(stats['min'])} to {number(stats['max'])},"
        f" mean {number(stats['mean'])}; most, {int(counts[most])}, between {number(edges[most])} and"
        f" {number(edges[most + 1])}{_faults(stats)}"
    )


def _faults(stats: dict[str, float]) -> str:
    return "".join(f", {number(stats[key])} {key}" for key in ("NaN", "infinite") if stats[key])


def heatmap(values: np.ndarray, row_labels: Sequence[str] | None, column_labels: Sequence[str] | None) -> str:
    if not np.isfinite(values).any():
        return none(values.size)
    rows, columns = values.shape
    low, high = np.nanmin(_finite(values)), np.nanmax(_finite(values))
    at = divmod(int(np.nanargmax(_finite(values))), columns)
    row, column = (
        str(i) if labels is None else labels[i] for i, labels in zip(at, (row_labels, column_labels), strict=True)
    )
    return (
        f"{count(rows, 'row')} by {count(columns, 'column')}, from {number(low)} to {number(high)},"
        f" highest in row {row}, column {column}"
    )


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def network(weights: Sequence[np.ndarray], names: Sequence[Sequence[str]]) -> str:
    """What connects neurons: `weights` between the layers of `names`."""
    sizes = [str(w.shape[1]) for w in weights]
    layers = f"layers of {', '.join(sizes[:-1])} and {sizes[-1]} neurons" if len(sizes) > 1 else f"{sizes[0]} neurons"
    whole = [_finite(w) for w in weights]
    peaks = [float(np.nanmax(np.abs(w), initial=0)) for w in whole]
    at = int(np.argmax(peaks))
    text = f"{count(len(names[0]), 'input')}, {layers}; {count(sum(w.size for w in weights), 'connection')}"
    text += f", {sum(int((w < 0).sum()) for w in whole)} of them negative"
    if not peaks[at]:
        return text
    source, target = divmod(int(np.nanargmax(np.abs(whole[at]))), weights[at].shape[1])
    strongest = number(weights[at][source, target])
    return f"{text}; the strongest from {names[at][source]} to {names[at + 1][target]}, {strongest}"


def confusion(values: np.ndarray, labels: Sequence[str]) -> str:
    """
    >>> confusion(np.array([[3.0, 1.0], [0.0, 4.0]]), ["cat", "dog"])
    '7 of 8 right; most often confused: cat taken for dog, 1'
    """
    values = np.nan_to_num(values)
    total = values.sum()
    if not total:
        return NOTHING
    wrong = values - np.diag(np.diag(values))
    text = f"{number(np.trace(values))} of {number(total)} right"
    if wrong.max() > 0:
        row, column = divmod(int(wrong.argmax()), len(wrong))
        text += f"; most often confused: {labels[row]} taken for {labels[column]}, {number(wrong.max())}"
    return text


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return NOTHING
    return f"a table of {count(len(rows), 'row')}: {', '.join(headers)}"
