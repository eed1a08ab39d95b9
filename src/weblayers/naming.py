"""The one place that knows camelCase from snake_case, and PascalCase configuration from keyword arguments.

The code is written in Python's spelling. TensorFlow.js' spelling is understood in attribute look-ups that miss, in
configuration keys and in known string values. Every unknown name is an error that suggests the nearest valid ones.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import custom, elsewhere


def snake(name: str) -> str:
    """The Python spelling of a TensorFlow.js name.

    >>> snake("meanSquaredError"), snake("maxPooling2d"), snake("conv2dTranspose"), snake("isHTTPScheme")
    ('mean_squared_error', 'max_pooling2d', 'conv2d_transpose', 'is_http_scheme')
    >>> snake("inTopKAsync"), snake("stringNGrams")
    ('in_top_k_async', 'string_n_grams')
    """
    # one word each
    name = name.replace("NaN", "Nan").replace("NDim", "Ndim")
    name = re.sub(r"([A-Z]{2,}|(?<=[a-z])[A-Z])([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"(?<=[a-z0-9])([A-Z])(?=[a-z])", r"_\1", name)
    return re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", name).lower()


def camel(name: str) -> str:
    """The TensorFlow.js spelling of a Python name.

    >>> camel("mean_squared_error")
    'meanSquaredError'
    """
    head, *tail = name.split("_")
    return head + "".join(t[:1].upper() + t[1:] for t in tail)


def class_snake(name: str) -> str:
    """A class name in the form that TensorFlow.js builds layer names from.

    >>> class_snake("Conv2D"), class_snake("MaxPooling2D"), class_snake("LSTM")
    ('conv2d', 'max_pooling2d', 'lstm')
    """
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def suggestion(name: str, valid: Iterable[str]) -> str:
    """A sentence that names the nearest valid names."""
    options = sorted(set(valid))
    near = difflib.get_close_matches(snake(name), options, 3, 0.5)
    if near:
        return f"Did you mean {' or '.join(map(repr, near))}?"
    return f"Valid names: {', '.join(options)}." if len(options) <= 40 else ""


def lookup(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    """An entry of a table by its name in either spelling, or what users have made known by that name.

    Raises:
        ValueError: if there is none; the message names the nearest.
    """
    found = custom.lent(name)
    if found is None:
        found = table.get(name, table.get(snake(name), table.get(name.lower())))
    if found is None:
        found = custom.registered(name)
    if found is None:
        raise ValueError(f"Unknown {kind}: {name!r}. {suggestion(name, table)}")
    return found


@functools.lru_cache(maxsize=512)
def _missed(cls: type, name: str) -> str:
    """What is said of an attribute that is not there. Many only ask whether it is, time and again."""
    public = [n for n in dir(cls) if not n.startswith("_")]
    hint = suggestion(name, public) if len(name) > 2 else ""
    return f"{cls.__name__} has no attribute {name!r}. {hint}".rstrip()


class Named:
    """Attributes in both spellings; a miss names the nearest."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            python = snake(name)
            if python != name:
                try:
                    return getattr(self, python)
                except AttributeError:
                    pass
            # with its name and no object Python adds no suggestion of its own
            raise AttributeError(_missed(type(self), name), name=name)  # type: ignore[arg-type]  # classes are hashable
        raise AttributeError(name, name=name)

    def __repr__(self) -> str:
        return representation(self) if isinstance(type(self), Configurable) else object.__repr__(self)

    def __setattr__(self, name: str, value: Any) -> None:
        plain = name.startswith("_") or name.islower()
        object.__setattr__(self, name if plain else snake(name), value)


def takes_config(init: Any) -> bool:
    """Whether a class' ``__init__`` takes the configuration as one object, as TensorFlow.js' constructors do."""
    return list(inspect.signature(init).parameters)[:2] == ["self", "config"]


def parameters(fn: Any) -> dict[str, inspect.Parameter]:
    """The named parameters of a function, or of a class: its own and those that it hands on to its bases.

    A class whose attribute ``takes_arguments_of`` names another one hands arguments on to that too.
    """
    inits = [c.__dict__["__init__"] for c in fn.__mro__ if "__init__" in c.__dict__] if isinstance(fn, type) else [fn]
    named: dict[str, inspect.Parameter] = {}
    for init in inits:
        own = inspect.signature(init).parameters
        if takes_config(init):
            # and hands it on to its base
            continue
        # whatever the first one of a method is called
        first = next(iter(own), None) if isinstance(fn, type) else "self"
        for name, p in own.items():
            if name != first and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                named.setdefault(name, p)
        if not any(p.kind is p.VAR_KEYWORD for p in own.values()):
            break
    other = getattr(fn, "takes_arguments_of", None) if isinstance(fn, type) else None
    return {**parameters(other), **named} if other is not None else named


def arguments(fn: Any, owner: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Configuration keys as keyword arguments of a function or class, checked.

    Raises:
        TypeError: for an unknown key; the message names the owner and the nearest keys.
    """
    valid = parameters(fn)
    out: dict[str, Any] = {}
    for key, value in config.items():
        # Keras writes beta_1 where TensorFlow.js has beta1
        spellings = (key, snake(key), re.sub(r"_(\d)", r"\1", snake(key)))
        name = next((n for n in spellings if n in valid), key)
        if name not in valid:
            known = elsewhere.ARGUMENTS.get(key)
            hint = f"It is called {known!r} here." if known in valid else suggestion(key, valid)
            raise TypeError(f"{owner} has no argument {key!r}. {hint}")
        if name in out:
            raise TypeError(f"{owner} got {name!r} twice")
        out[name] = value
    return out


class Configurable(type):
    """Classes that take one configuration object, as in TensorFlow.js, or keyword arguments, as in Keras."""

    def is_configuration(cls, given: Mapping[str, Any]) -> bool:
        """Whether an only argument is the configuration; some classes have a first argument that is a mapping too."""
        return True

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if takes_config(cls.__init__):  # type: ignore[misc]
            whole = () if "config" in kwargs else (args[0] if args else kwargs,)
            return super().__call__(*whole, *args[1:], **(kwargs if args or not whole else {}))
        if len(args) == 1 and isinstance(args[0], Mapping) and cls.is_configuration(args[0]):
            kwargs = {**args[0], **kwargs}
            args = ()
        kwargs = arguments(cls, cls.__name__, kwargs)
        try:
            inspect.signature(cls.__init__).bind(None, *args, **kwargs)  # type: ignore[misc]
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
        return super().__call__(*args, **kwargs)


def representation(thing: Any) -> str:
    """A configurable object as the call that makes an equal one: with what its own class takes and, of what all of its
    kind take, what is no default.

    >>> import weblayers as wl
    >>> wl.train.sgd(0.1, clipnorm=1.0)
    SGD(learning_rate=0.1, momentum=0.0, nesterov=False, clipnorm=1.0)
    """
    kind = type(thing)
    every, other = parameters(kind), getattr(kind, "takes_arguments_of", None)
    own = {*inspect.signature(kind.__init__).parameters, *(parameters(other) if other is not None else ())}
    values = thing.get_config() if hasattr(kind, "get_config") else vars(thing)
    given = {name: (values[name], p.default) for name, p in every.items() if values.get(name) is not None}
    shown = {name: value for name, (value, default) in given.items() if name in own or value != default}
    if shown.get("name") == class_snake(kind.__name__):
        del shown["name"]
    return _called(kind.__name__, shown)


def _called(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={_shown(value)}' for key, value in arguments.items())})"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping) and {"class_name", "config"} <= value.keys():
        return _called(value["class_name"], value["config"])
    return value.__name__ if inspect.isroutine(value) else repr(value)


def _public(module: str, names: Mapping[str, Any]) -> Iterable[str]:
    """The names of a module that are for others: those that it lists, or else defines."""
    own = (n for n, v in names.items() if not n.startswith("_") and getattr(v, "__module__", None) == module)
    return names.get("__all__") or list(own)


def module_getattr(module: str, names: Mapping[str, Any]) -> Any:
    """A module's ``__getattr__``: attributes in TensorFlow.js' spelling."""

    def get(name: str) -> Any:
        python = snake(name)
        if python != name and python in names:
            return names[python]
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        path = f"{module}.{name}".partition(".")[2].removeprefix("ops.")
        hint = elsewhere.named(path) or suggestion(name, _public(module, names))
        # as in Named, without the object
        raise AttributeError(f"module {module!r} has no attribute {name!r}. {hint}".rstrip(), name=name)

    return get
