"""What layers compute while a model is in training, seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import page
from ..layers import Layer
from ..models.watching import Capture, Watch
from ..runtime import clock
from . import curves, fields, render
from .chart import Chart
from .given import takes_options
from .visor import where_of

# A page shows no more often, and steps may be faster.
SHOW_SECONDS = 0.1


@takes_options
def watch(
    layer: Layer | str,
    what: Sequence[str] | str = "output",
    *,
    every: int = 20,
    samples: int = 16,
    container: Any = None,
    on_capture: Callable[[Capture], Any] | None = None,
) -> Watch:
    """See what a layer computes while ``fit`` runs: every so many steps, a step of training gives this too.

    It is part of that step, which computes the same as without; the steps between are what they were, and nothing is
    computed or read for it any more once it is stopped. Outputs of two axes and more per sample are shown as pictures
    of the batch's first sample, single numbers as a line, all else as a histogram, ten times a second at most.

    Args:
        layer: the layer, or its name. A name is looked for in whatever model is trained, a layer is watched in those
            that have it. Of several calls in a step the last counts, of several outputs the first.
        what: some of ``"output"``, ``"gradient"`` (of the loss, with respect to the output), ``"weights"`` (before the
            step) and ``"weight_gradients"``.
        every: how many steps there are from one to the next; the first is one.
        samples: how many of the batch's samples of outputs and gradients are read.
        container: where it is shown, as for all charts; below the layer's name if left out. Another watch takes over a
            place from the one before.
        on_capture: is given ``layer``, ``step`` and ``values``, arrays by what they are (those of weights in
            dictionaries by the weights' names). It may be async: training waits for it. Without a container, nothing is
            shown then.

    Returns:
        What has ``stop()``. A page's next program begins without it.

    Raises:
        ValueError: it is not known what to watch; from ``fit``: the model has no layer of the name, or the step does
            not compute what is asked for.

    >>> import asyncio, weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=2, input_shape=[1], name="out")])
    >>> model.compile(optimizer="sgd", loss="mean_squared_error")
    >>> watching = wl.vis.watch("out", every=2, on_capture=lambda c: print(c.step, c.values["output"].shape))
    >>> async def main():
    ...     await model.fit(wl.ones([12, 1]), wl.ones([12, 2]), batch_size=4, verbose=0)
    >>> asyncio.run(main())
    0 (4, 2)
    2 (4, 2)
    >>> watching.stop()
    """
    if on_capture is not None and container is None:
        return Watch(layer, what, every, samples, [on_capture])
    where = where_of(container) or (layer.name if isinstance(layer, Layer) else str(layer))
    tell: list[Callable[[Capture], Any]] = [_Shown(where)]
    made = Watch(layer, what, every, samples, [*tell, *([] if on_capture is None else [on_capture])])
    before, _places[where] = _places.get(where), made
    if before is not None:
        # cells of notebooks are run again and again
        before.stop()
    return made


# The watches by the places where they show.
_places: dict[str, Watch] = {}


class _Shown:
    """Shows captures, each in the place of the one before."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._at: float | None = None
        self._lines: dict[str, tuple[list[int], list[float]]] = {}

    def __call__(self, capture: Capture) -> None:
        named = [pair for what, value in capture.values.items() for pair in _named(what, value)]
        for name, values in named:
            if values.size == 1:
                steps, numbers = self._lines.setdefault(name, ([], []))
                steps.append(capture.step)
                numbers.append(float(values.reshape(())))
        now = clock.now()
        if self._at is None or now - self._at >= SHOW_SECONDS:
            self._at = now
            charts = [self._chart(capture, name, values) for name, values in named]
            title = f"{capture.layer.name} in step {capture.step + 1}"
            page.show(curves.group_of(title, charts), where=self._where)

    def _chart(self, capture: Capture, name: str, values: np.ndarray) -> Chart:
        if name in self._lines:
            return render.linechart(None, {name: self._lines[name]}, title=name, x_label="step")
        if name in capture.values and values.ndim in (3, 4):
            maps = fields.maps(capture.layer, values[0])
            around = None if name == "output" else 0.0
            return render.images(None, fields.spread(maps, (1, 2), around), title=f"{name}, one sample")
        return render.histogram(None, values, title=name, stats=False)


def _named(what: str, value: Any) -> list[tuple[str, np.ndarray]]:
    """Arrays with what they are called; those of weights by their names."""
    if not isinstance(value, dict):
        return [(what, value)]
    return [(name if what == "weights" else f"gradient of {name}", array) for name, array in value.items()]
