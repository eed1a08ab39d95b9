"""What controls are asked for with, checked before the page hears of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def check_common(kind: str, label: Any, handler: Any, where: Any, is_optional: bool = True) -> None:
    """Check what all controls have.

    Raises:
        TypeError: the label or the place is no text, or what is to be called cannot be.
    """
    if not isinstance(label, str):
        raise TypeError(f"a {kind} needs a text as its label, got {label!r}")
    if where is not None and not isinstance(where, str):
        raise TypeError(f"{kind} {label!r}: where is the name of a place, got {where!r}")
    check_handler(f"{kind} {label!r}", handler, is_optional)


def check_handler(what: str, handler: Callable[..., Any] | None, is_optional: bool = False) -> None:
    """Check what is to be called.

    Raises:
        TypeError: it cannot be.
    """
    if not callable(handler) and not (is_optional and handler is None):
        is_result = handler is None and not is_optional
        hint = "; what was given is perhaps what a function gave back, as of f()" if is_result else ""
        raise TypeError(f"{what} needs a function to call, got {handler!r}{hint}")


def number_of(what: str, name: str, value: Any) -> Any:
    """A number as Python has it.

    Raises:
        TypeError: it is none.
        ValueError: it is infinite or NaN.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}: {name} is a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{what}: {name} is a finite number, got {value}")
    return value


def number_between(what: str, minimum: float | None, maximum: float | None) -> Callable[[Any], Any]:
    """What checks a number that a control is to have."""

    def check(value: Any) -> Any:
        value = number_of(what, "value", value)
        check_between(what, value, minimum, maximum)
        return value

    return check


def one_of(what: str, options: Sequence[str]) -> Callable[[Any], str]:
    """What checks which of its options a control is to have."""

    def check(value: Any) -> str:
        if value not in options:
            raise ValueError(f"{what}: {value!r} is none of {options}")
        return value

    return check


def instance_of(what: str, kind: type, words: str) -> Callable[[Any], Any]:
    """What checks that a control is to have a text, or True or False."""

    def check(value: Any) -> Any:
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, kind):
            raise TypeError(f"{what}: its value is {words}, got {value!r}")
        return value

    return check


def check_between(what: str, value: float, minimum: float | None, maximum: float | None) -> None:
    """Check a value and its limits.

    Raises:
        ValueError: a value does not lie between its limits, or nothing can.
    """
    if minimum is not None and maximum is not None and minimum > maximum:
        raise ValueError(f"{what}: nothing lies between the minimum {minimum} and the maximum {maximum}")
    if minimum is not None and value < minimum:
        raise ValueError(f"{what}: {value} is below the minimum {minimum}")
    if maximum is not None and value > maximum:
        raise ValueError(f"{what}: {value} is above the maximum {maximum}")


def options_of(what: str, options: Sequence[str]) -> list[str]:
    """What can be chosen.

    Raises:
        TypeError: one is no text.
        ValueError: there are none, or two are equal.
    """
    options = list(options)
    if not options:
        raise ValueError(f"{what} needs an option at least")
    for option in options:
        if not isinstance(option, str):
            raise TypeError(f"{what}: options are texts, got {option!r}")
        if options.count(option) > 1:
            raise ValueError(f"{what}: {option!r} is there twice")
    return options
