"""Charts of data: TensorFlow.js' ``tfvis.render``, and pictures and decision boundaries.

All take a container, which says where to show the chart: the ``id`` of an element of the page or a name for a new
panel, a surface of the visor as ``{"name": ..., "tab": ...}``, or None to show it nowhere. All return the chart.
Options may be keywords, or a dictionary at the end, in either spelling. What all of them take: ``title``, ``width`` and
``height`` in pixels (as wide as there is room by default), ``font_size``.

>>> import weblayers as wl
>>> wl.vis.render.barchart("counts", [{"index": "cat", "value": 3}, {"index": "dog", "value": 5}], {"xLabel": "kind"})
counts: cat: 3, dog: 5
<Chart of bars: cat: 3, dog: 5>
"""

from __future__ import annotations

from .. import naming
from .networks import network
from .pictures import boundary, confusion_matrix, heatmap, images
from .plots import barchart, histogram, linechart, scatterplot, table

__all__ = [
    "barchart",
    "boundary",
    "confusion_matrix",
    "heatmap",
    "histogram",
    "images",
    "linechart",
    "network",
    "scatterplot",
    "table",
]

__getattr__ = naming.module_getattr(__name__, globals())
