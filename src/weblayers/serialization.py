"""TensorFlow.js' ``tf.serialization``: classes of one's own in models that are saved and loaded."""

from __future__ import annotations

from typing import Any, Self

from . import naming
from .custom import lending as custom_object_scope
from .layers.serialization import register_class


class Serializable(naming.Named, metaclass=naming.Configurable):
    """Base of what has a configuration. Layers, optimizers, initializers and the like have one without it."""

    @property
    def class_name(self) -> str:
        """What files call the class."""
        return type(self).__name__

    def get_class_name(self) -> str:
        """:attr:`class_name`, as a method."""
        return self.class_name

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal object."""
        return {name: value for name, value in vars(self).items() if name in naming.parameters(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An object from what :meth:`get_config` gave."""
        return cls(**config)


__all__ = ["Serializable", "custom_object_scope", "register_class"]

__getattr__ = naming.module_getattr(__name__, globals())
