"""What a chart is: data, and what is said of them in words. Pages, notebooks and files draw it."""

from __future__ import annotations

import html
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import naming
from ..page.hosts import Notebook, host
from . import files


@dataclass(frozen=True, eq=False, repr=False)
class Chart:
    """A chart, as the functions of ``wl.vis.render`` and ``wl.vis.show`` return it.

    Notebooks show it; :meth:`save` writes a file that any browser opens. It may be awaited, as in TensorFlow.js, where
    drawing is a promise.

    Attributes:
        kind: ``"lines"``, ``"points"``, ``"bars"``, ``"histogram"``, ``"heatmap"``, ``"confusion"``, ``"table"``,
            ``"images"``, ``"boundary"``, ``"network"``, or ``"group"``, which has others as ``data["charts"]``.
        title: its heading, maybe empty.
        data: what is drawn, as NumPy arrays; what is not finite is a gap.
        options: how, by the names of the arguments that were given.
        text: what somebody who sees it would tell of it.

    >>> import weblayers as wl
    >>> chart = wl.vis.render.linechart(None, {"loss": [0.9, 0.3, 0.1]}, x_label="epoch")
    >>> chart
    <Chart of lines: loss over 3 epochs: falls from 0.9 to 0.1>
    """

    kind: str
    title: str
    data: Mapping[str, Any]
    options: Mapping[str, Any]
    text: str

    def chart_content(self) -> dict[str, Any]:
        """What ``wl.page.show`` says of it; only notebooks are told the whole file."""
        whole = isinstance(host(), Notebook)
        markup = self._repr_html_() if whole else f"<p>{html.escape(self.text)}</p>"
        return {"kind": "chart", "chart": self.drawn(), "text": self.text, "html": markup}

    def drawn(self) -> dict[str, Any]:
        """What draws it is told: nothing but what JSON has, and arrays; options in JavaScript's spelling."""
        data = {key: [c.drawn() for c in value] if key == "charts" else value for key, value in self.data.items()}
        options = {naming.camel(key): value for key, value in self.options.items() if value is not None}
        return {"kind": self.kind, "title": self.title, "text": self.text, "data": data, "options": options}

    def save(self, path: str | Path) -> None:
        """Write it into an HTML file that needs nothing else, neither the network nor Python.

        Raises:
            ValueError: the name does not end with ``.html``.
        """
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"charts are saved as HTML: the name must end with .html, got {str(path)!r}")
        Path(path).write_text(files.document(self.drawn(), self.title or self.text), encoding="utf-8")

    def _repr_html_(self) -> str:
        """What notebooks show: the file in a frame, which can do nothing to the notebook."""
        source = html.escape(files.document(self.drawn(), self.title or self.text))
        return (
            f'<iframe sandbox="allow-scripts" title="{html.escape(self.title or self.kind)}" width="100%"'
            f' height="{files.height(self.drawn())}" frameborder="0" srcdoc="{source}"></iframe>'
        )

    def __await__(self) -> Generator[Any, None, Chart]:
        yield from ()
        return self

    def __repr__(self) -> str:
        return f"<Chart of {self.kind}: {self.text}>"
