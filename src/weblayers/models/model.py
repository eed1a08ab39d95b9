"""What every model can do: compile, fit, evaluate, predict, save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import naming
from .portable import Portable


class _ModelType(naming.Configurable):
    """Makes ``Model(inputs, outputs)``, as Keras spells it, a functional model."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        given = {**args[0], **kwargs} if args and isinstance(args[0], Mapping) else kwargs
        # a class with arguments of its own gets them
        plain = next(c for c in cls.__mro__ if "__init__" in vars(c)) is Model
        if plain and (len(args) > 1 or "inputs" in given or "outputs" in given):
            from .functional import Functional  # it is a Model

            made = Functional if cls is Model else type(cls)(cls.__name__, (cls, Functional), {})
            return made(*args, **kwargs)
        return super().__call__(*args, **kwargs)


class Model(Portable, metaclass=_ModelType):
    """A layer that can be trained. Subclass it for a model of your own: make layers in ``__init__``, use them in
    :meth:`call`, which may take ``training``. ``Model(inputs, outputs)`` makes a functional model, also of a subclass
    that only adds methods.

    >>> import weblayers as wl
    >>> class Twice(wl.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = wl.layers.dense(units=1)
    ...     def call(self, x):
    ...         return self.dense(x) * 2
    >>> model = Twice()
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> model.predict(wl.ones([4, 3])).shape
    (4, 1)
    """

    def __init__(self, name: str | None = None, **base: Any) -> None:
        super().__init__(name=name, **base)
