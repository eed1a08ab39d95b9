"""Charts of data, models and training, for pages, notebooks and files: TensorFlow.js' ``tfvis``, and more.

``render`` draws data, ``show`` draws models and training, :func:`watch` what layers compute meanwhile, ``metrics``
measures predictions, and :func:`visor` is the panel of tabs. Charts say in words what they show; that is what
terminals print.

>>> import weblayers as wl
>>> wl.vis.render.linechart("loss", {"loss": [0.9, 0.5, 0.1]}, x_label="epoch").kind
loss: loss over 3 epochs: falls from 0.9 to 0.1
'lines'
"""

from __future__ import annotations

from .. import naming
from . import metrics, render, show
from .captures import watch
from .chart import Chart
from .visor import Surface, Visor, visor

__all__ = ["Chart", "Surface", "Visor", "metrics", "render", "show", "visor", "watch"]

__getattr__ = naming.module_getattr(__name__, globals())
