"""What lives: tensors, their bytes, and what the GPU holds."""

from __future__ import annotations

from typing import Any

from ..naming import Named, snake, suggestion
from . import device
from .tensor import Variable, buffer_of, live_tensors


class Record(Named, dict[str, Any]):
    """Values by name, in both spellings, as keys and as attributes."""

    def __getattr__(self, name: str) -> Any:
        key = snake(name)
        return self[key] if key in self else super().__getattr__(name)

    def __missing__(self, name: str) -> Any:
        key = snake(name)
        if key == name or key not in self:
            raise KeyError(name)
        return self[key]


def memory() -> Record:
    """Counts of what is alive: ``num_tensors``, ``num_data_buffers`` (tensors may share one), ``num_bytes``.

    Where WebGL was used also ``num_bytes_in_gpu`` and ``num_bytes_in_gpu_free``, those in use and those kept for later
    tensors, and what else the GPU counts, as ``gpu_...``; what WebAssembly counts is named ``wasm_...``.

    >>> import weblayers as wl
    >>> before = wl.memory()["num_tensors"]
    >>> t = wl.zeros([2])
    >>> wl.memory()["num_tensors"] - before
    1
    """
    tensors = live_tensors()
    buffers = {buffer_of(t): t.nbytes for t in tensors}
    counts = Record(num_tensors=len(tensors), num_data_buffers=len(buffers), num_bytes=sum(buffers.values()))
    for runtime in device.used():
        figures, prefix = runtime.memory(), "wasm" if runtime.name == "wasm" else "gpu"
        if figures and prefix == "gpu":
            counts["num_bytes_in_gpu"] = figures["bytes"]
            counts["num_bytes_in_gpu_free"] = figures["poolBytes"]
        counts |= {f"{prefix}_{snake(k)}": v for k, v in figures.items()}
    return counts


def variable_named(name: str) -> Variable:
    """The variable of a name.

    Raises:
        ValueError: there is none, or several.
    """
    variables = [t for t in live_tensors() if isinstance(t, Variable)]
    found = [v for v in variables if v.name == name and not v.is_disposed]
    if not found:
        known = suggestion(name, (v.name for v in variables)) if variables else "There are none."
        raise ValueError(f"no variable is named {name!r}. {known}")
    if len(found) > 1:
        raise ValueError(f"{len(found)} variables are named {name!r}: give pairs (gradient, variable)")
    return found[0]


def dispose_variables() -> None:
    """Free all variables, the weights of models among them.

    >>> import weblayers as wl
    >>> v = wl.variable(wl.scalar(1)); wl.dispose_variables(); v.is_disposed
    True
    """
    for tensor in live_tensors():
        if isinstance(tensor, Variable):
            tensor.dispose()
