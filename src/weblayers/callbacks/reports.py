"""Callbacks that write down what happens: the history, a line or bar of progress, a CSV file."""

from __future__ import annotations

import csv
import html
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import naming
from ..runtime import clock, page
from .base import Callback

# Epochs of a history's beginning and end that notebooks show.
_SHOWN = 5


class History(Callback):
    """What happened: ``history`` has a list per logged name, ``epoch`` the numbers of the epochs."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """It is kept by the model, and does not keep it in turn."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.epoch.append(epoch)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        last = {name: values[-1] for name, values in self.history.items() if values}
        return f"<History: {len(self.epoch)} epochs{', the last: ' if last else ''}{_text(last)}>"

    def _repr_html_(self) -> str:
        """What notebooks show: a row per epoch; of many, the first and the last."""
        names = list(self.history)
        values = zip(*self.history.values(), strict=False)
        rows = [[str(epoch + 1), *map(_value, row)] for epoch, row in zip(self.epoch, values, strict=False)]
        if len(rows) > 2 * _SHOWN:
            rows = [*rows[:_SHOWN], ["…", *("" for _ in names)], *rows[-_SHOWN:]]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in ("epoch", *names))
        cells = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
        return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


class _Progress(Callback):
    """Keeps the time; what is shown is up to subclasses."""

    def __init__(self) -> None:
        self._begun = self._epoch_begun = 0.0
        self._epoch = self._done = 0

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self._begun = clock.now()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        self._epoch, self._epoch_begun, self._done = epoch, clock.now(), 0

    def _running(self, done: int) -> tuple[str, float | None]:
        """The state of the running epoch in words, and the share that is done, if the number of steps is known."""
        self._done = done
        total, spent = self.params["steps"], clock.now() - self._epoch_begun
        pace = f"{1000 * spent / max(1, done):.1f}ms/step"
        if total is None:
            return f"{done} steps - {pace}", None
        return f"{done}/{total} - {pace} - ETA: {spent / max(1, done) * (total - done):.0f}s", done / total

    def _finished(self, epoch: int) -> str:
        """The time that epochs take, in words."""
        finished = epoch + 1 - self.params["initial_epoch"]
        each = (clock.now() - self._begun) / finished
        steps = self.params["steps"] or self._done
        pace = f" - {1000 * each / steps:.1f}ms/step" if steps else ""
        return f"{each:.1f}s{pace}"

    def _heading(self, epoch: int) -> str:
        return f"Epoch {epoch + 1}/{self.params['epochs']}"


class ProgressLine(_Progress):
    """One line per epoch; on a terminal it grows while the epoch runs, with the time that is left."""

    def __init__(self, stream: Any = None) -> None:
        super().__init__()
        self._stream = stream or sys.stdout
        self._live = bool(getattr(self._stream, "isatty", lambda: False)())
        # of what stands in the line, which what follows is to cover
        self._width = 0

    @property
    def wants_progress(self) -> bool:
        """Only a terminal's line can be rewritten."""
        return self._live

    def on_progress(self, done: int, logs: dict[str, float]) -> None:
        text, share = self._running(done)
        bar = "" if share is None else f"[{'=' * int(20 * share):<20}] "
        self._rewrite(f"{self._heading(self._epoch)} {bar}{text} - {_text(logs)}")
        self._stream.flush()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        line = f"{self._heading(epoch)} - {self._finished(epoch)} - {_text(logs)}"
        if self._live:
            self._rewrite(line)
        self._stream.write("\n" if self._live else f"{line}\n")
        self._width = 0

    def _rewrite(self, line: str) -> None:
        self._stream.write(f"\r{line:<{self._width}}")
        self._width = len(line)


class ProgressBar(_Progress):
    """A bar with the epoch, the pace, the time that is left and the metrics: in a page or a notebook.

    Args:
        target: an element of the page, or a CSS selector of one. Left out, the bar is displayed in the notebook's cell.

    Raises:
        RuntimeError: there is no such element, and no notebook.
    """

    def __init__(self, target: Any = None) -> None:
        super().__init__()
        self._show = page.place(target)

    def on_progress(self, done: int, logs: dict[str, float]) -> None:
        text, share = self._running(done)
        self._show(self._html(self._epoch, share, f"{text} - {_text(logs)}"))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self._show(self._html(epoch, 1.0, f"{self._finished(epoch)} - {_text(logs)}"))

    def _html(self, epoch: int, share: float | None, text: str) -> str:
        value = "" if share is None else f' value="{share:.4f}"'
        heading = html.escape(self._heading(epoch))
        return (
            f'<label style="font-variant-numeric: tabular-nums">{heading} <progress max="1"{value}></progress>'
            f" {html.escape(text)}</label>"
        )


def _text(logs: Mapping[str, float]) -> str:
    return " - ".join(f"{name}: {_value(value)}" for name, value in logs.items())


def _value(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


class CSVLogger(Callback, metaclass=naming.Configurable):
    """Writes a row of logs per epoch.

    Args:
        filename: a path, or a text stream.
        separator: between the values.
        append: whether to go on with a file that is there, instead of beginning a new one.

    >>> import io, weblayers as wl
    >>> stream = io.StringIO()
    >>> logger = wl.callbacks.CSVLogger(stream)
    >>> logger.on_epoch_end(0, {"loss": 0.5})
    >>> stream.getvalue().split()
    ['epoch,loss', '0,0.5']
    """

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = filename, separator, append
        self._names: list[str] | None = None

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self._names = None
        if isinstance(self.filename, str | Path):
            path = Path(self.filename)
            if self.append and path.exists():
                with path.open(newline="") as file:
                    self._names = next(csv.reader(file, delimiter=self.separator), None)
            else:
                path.write_text("")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        row = {"epoch": epoch, **logs}
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.separator)
        if self._names is None:
            self._names = list(row)
            writer.writerow(self._names)
        writer.writerow([row.get(name, "") for name in self._names])
        if isinstance(self.filename, str | Path):
            with Path(self.filename).open("a", newline="") as file:
                file.write(text.getvalue())
        else:
            self.filename.write(text.getvalue())
