"""What is wrong with a model's file: files come from anywhere, so they are checked before anything is made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# Deeper than any model nests, and far from the depth at which Python gives up.
MAX_DEPTH = 64
# Bytes of JSON; weights are not in it.
MAX_JSON = 256 << 20
# How often the layers of a model may be called while it is made: large models need a few thousand.
MAX_CALLS = 10_000
# Numbers of one weight, 16 GB of them.
MAX_ELEMENTS = 1 << 32
# Numbers of all weights of a model that is made without a file of weights, 1 GB of them.
MAX_FRESH = 1 << 28
# What a file may promise beyond its own size: bytes that every file may, and how many times larger it may get. Weights
# are hardly ever compressed, and then by little; bombs by a thousand.
_ROOM, _GROWTH = 64 << 20, 20


class ModelFileError(ValueError):
    """A file is no model, or not all of one. The message names the file and what is wrong with it."""


class ModelNotFoundError(ModelFileError):
    """There is nothing where a model was to be loaded from."""


def expect(condition: Any, source: str, message: str) -> None:
    """Refuse a file unless the condition holds."""
    if not condition:
        raise ModelFileError(f"{source}: {message}")


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Whatever goes wrong while a model is made from a file is the file's fault: nothing else goes in."""
    try:
        yield
    except ModelFileError:
        raise
    except RecursionError:
        raise ModelFileError(f"{source}: the model nests too deeply") from None
    except MemoryError:
        raise ModelFileError(f"{source}: the model needs more memory than there is") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelFileError(f"{source}: {error or type(error).__name__}") from error


def parsed_json(data: bytes | str, source: str) -> Any:
    """The value of a JSON text of bounded size and depth; Infinity and NaN, as Keras writes them, are numbers."""
    expect(len(data) <= MAX_JSON, source, f"{len(data)} bytes of JSON are more than the {MAX_JSON} allowed")
    try:
        value = json.loads(data)
    except RecursionError:
        raise ModelFileError(f"{source}: the JSON nests too deeply") from None
    except ValueError as error:
        raise ModelFileError(f"{source}: not valid JSON ({error}). Is it the model's JSON file?") from None
    check_depth(value, source)
    return value


def check_depth(value: Any, source: str) -> None:
    """Refuse plain values that nest too deeply, or in a circle."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            part
            for v in level
            if isinstance(v, Mapping | list)
            for part in (v.values() if isinstance(v, Mapping) else v)
        ]
        if not level:
            return
    raise ModelFileError(f"{source}: nested more than {MAX_DEPTH} levels deep")


def entry(table: Any, key: str, kind: type | tuple[type, ...], source: str, default: Any = ...) -> Any:
    """A value of an object in a file, of the type that it must have; without a default it must be there."""
    expect(isinstance(table, Mapping), source, f"expected an object with {key!r}, got {type(table).__name__}")
    value = table.get(key)
    if value is None and default is not ...:
        return default
    expect(value is not None, source, f"{key!r} is missing")
    kinds = kind if isinstance(kind, tuple) else (kind,)
    wanted = " or ".join(k.__name__ for k in kinds)
    expect(isinstance(value, kinds), source, f"{key!r} is {type(value).__name__}, expected {wanted}")
    return value


def check_growth(size: int, stored: int, what: str, source: str) -> None:
    """Refuse what takes much more memory than the bytes that it is made of."""
    allowed = max(_ROOM, _GROWTH * stored)
    expect(size <= allowed, source, f"{what} would take {size} bytes, far more than the {stored} that are there")


def checked_shape(shape: Any, name: str, source: str) -> tuple[int, ...]:
    """A weight's shape of few and bounded dimensions."""
    good = isinstance(shape, list | tuple) and all(type(d) is int and 0 <= d < MAX_ELEMENTS for d in shape)
    expect(good, source, f"the shape of weight {name!r} is {shape!r}")
    expect(len(shape) <= 8, source, f"weight {name!r} has {len(shape)} dimensions")
    elements = 1
    for d in shape:
        elements *= d
    expect(elements <= MAX_ELEMENTS, source, f"weight {name!r} of shape {list(shape)} is too large")
    return tuple(shape)


def checked_path(path: str, source: str) -> str:
    """A path of a manifest, which may only lead to neighbours of the file and below."""
    parts = path.replace("\\", "/").split("/")
    outside = ".." in parts or parts[0] == "" or ":" in path or "\0" in path
    expect(not outside, source, f"the weights' path {path!r} leads out of the model's folder")
    return path.removeprefix("./")
