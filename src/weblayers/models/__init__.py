"""Models: layers in order, and how they are trained."""

from .. import naming
from ..io.saving import load_layers_model
from ..io.topology import model_from_json
from .functional import Functional, Model
from .rebuild import clone_model
from .sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_layers_model", "model_from_json"]

__getattr__ = naming.module_getattr(__name__, globals())
