"""What a program and its page say to each other: show something, ask for a number, hear a button.

A program in a ``<weblayers-run>`` element shows and asks in that element; in a notebook it shows in the cell, and on a
terminal it prints what there is to say in words, so that one file runs everywhere.

>>> import weblayers as wl
>>> wl.page.show("trained", where="state")
state: trained
>>> rate = wl.page.slider("Learning rate", 0.001, 1, value=0.1)
>>> rate.value
0.1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import naming
from .checks import check_handler, instance_of, number_between, number_of, one_of, options_of
from .controls import Button, Control
from .crossing import sent
from .hosts import host
from .showing import content_of
from .steering import Training
from .sweeping import Run, sweep

__all__ = [
    "Button",
    "Control",
    "Run",
    "Training",
    "add",
    "button",
    "checkbox",
    "choice",
    "clear",
    "number",
    "on",
    "send",
    "show",
    "slider",
    "sweep",
    "text",
    "training",
]


def show(value: Any, where: str = "output", title: str | None = None) -> None:
    """Show something, in the place of what was there.

    Args:
        value: a chart of ``wl.vis``; a picture, as tensor or array of shape ``[height, width]`` or
            ``[height, width, 1, 3 or 4]``, with integers from 0 to 255 or floats from 0 to 1; whatever notebooks show
            as HTML, in which no script runs, or as a picture (``_repr_svg_``, ``_repr_png_``, ``_repr_jpeg_``);
            anything else as text.
        where: a name. It is the element of the page that has it as ``id``, else a panel of the program's own.
        title: the panel's heading.

    Raises:
        ValueError: an array of two or three axes is no picture.

    >>> import weblayers as wl
    >>> wl.page.show(wl.zeros([2, 3]), where="picture")
    picture: a picture of 3 x 2 pixels
    """
    host().post({"type": "show", "where": where, "title": title, "content": content_of(value)})


def add(where: str, points: dict[str, Any]) -> None:
    """Let a line chart that is shown there grow: x and y values, or one of each, by the names of its lines."""
    host().post({"type": "add", "where": where, "points": points})


def clear(where: str | None = None) -> None:
    """Take away what is shown there; without a name, everything."""
    host().post({"type": "clear", "where": where})


def button(label: str, on_click: Callable[[], Any], where: str | None = None) -> Button:
    """A button. What is called may be async; while it works, another click does nothing.

    >>> import weblayers as wl
    >>> wl.page.button("Train", lambda: print("training")).click()
    training
    """
    return Button(label, on_click, where)


def slider(
    label: str,
    minimum: float,
    maximum: float,
    value: float | None = None,
    step: float | None = None,
    log: bool = False,
    on_change: Callable[[Any], Any] | None = None,
    where: str | None = None,
) -> Control:
    """A number on a scale; ``log`` makes equal ways equal factors. ``step`` of 1 makes it an int.

    Raises:
        TypeError: one of them is no number.
        ValueError: the value does not lie between minimum and maximum, a step is none, or a logarithmic scale begins
            at 0.
    """
    what = f"slider {label!r}"
    minimum, maximum = number_of(what, "minimum", minimum), number_of(what, "maximum", maximum)
    if step is not None and number_of(what, "step", step) <= 0:
        raise ValueError(f"{what}: a step is above 0, got {step}")
    if log and minimum <= 0:
        raise ValueError(f"{what}: a logarithmic scale begins above 0, not at {minimum}")
    limits: dict[str, Any] = {"minimum": minimum, "maximum": maximum, "step": step, "log": log}
    check = number_between(what, minimum, maximum)
    return Control("slider", label, check, minimum if value is None else value, on_change, where, **limits)


def number(
    label: str,
    value: float = 0,
    minimum: float | None = None,
    maximum: float | None = None,
    on_change: Callable[[Any], Any] | None = None,
    where: str | None = None,
    linked: bool = True,
) -> Control:
    """A number to type; an int where ``value`` is one. A page's address remembers it, unless it is not ``linked``.

    Raises:
        TypeError: one of them is no number.
        ValueError: the value does not lie between minimum and maximum, if there are some.
    """
    what = f"number {label!r}"
    minimum = None if minimum is None else number_of(what, "minimum", minimum)
    maximum = None if maximum is None else number_of(what, "maximum", maximum)
    check = number_between(what, minimum, maximum)
    return Control("number", label, check, value, on_change, where, linked, minimum=minimum, maximum=maximum)


def choice(
    label: str,
    options: Sequence[str],
    value: str | None = None,
    on_change: Callable[[Any], Any] | None = None,
    where: str | None = None,
    linked: bool = True,
) -> Control:
    """One of several. A page's address remembers which, unless it is not ``linked``.

    Raises:
        TypeError: one is no text.
        ValueError: there are none, two are equal, or the value is not one of them.
    """
    what = f"choice {label!r}"
    options = options_of(what, options)
    value = options[0] if value is None else value
    return Control("choice", label, one_of(what, options), value, on_change, where, linked, options=options)


def checkbox(
    label: str, value: bool = False, on_change: Callable[[Any], Any] | None = None, where: str | None = None
) -> Control:
    """Yes or no.

    Raises:
        TypeError: the value is neither True nor False.
    """
    check = instance_of(f"checkbox {label!r}", bool, "True or False")
    return Control("checkbox", label, check, value, on_change, where)


def text(
    label: str,
    value: str = "",
    lines: int = 1,
    on_change: Callable[[Any], Any] | None = None,
    where: str | None = None,
) -> Control:
    """Text to type, of one line or several.

    Raises:
        TypeError: the value is no text.
    """
    check = instance_of(f"text {label!r}", str, "a text")
    return Control("text", label, check, value, on_change, where, lines=lines)


def training(
    model: Any, name: str | None = None, batch_size: int | None = None, keep: Any = None, settings: Any = None
) -> Training:
    """A training that the page's reader steers, and that a reload does not end.

    It adds the learning rate, the batch size, "New weights" and "Export" to the page's controls. In a page it keeps the
    weights, the optimizer and the number of the epoch in the browser's storage, at ends of epochs and when the reader
    pauses or looks elsewhere, and the program goes on from there when it runs again with the same layers and settings.

    A program may have several, of different names: the controls of all but the first begin with the name. One that has
    an earlier one's name takes its place, and its controls; the earlier one ends.

    Args:
        model: a compiled model, or a list of those that a loop of one's own trains.
        name: of what is kept and exported; one of its own for each training of a program. Left out, it is the
            program's, with a number from the second one on. What is kept belongs to the page, by its path, and to the
            element, by its ``id`` or ``src``.
        batch_size: what it begins with; left out, the reader does not choose it.
        keep: where it is kept, a path or URL that ``model.save`` takes; IndexedDB in a page, nowhere elsewhere.
        settings: what else the training depends on, such as the data, in values that JSON has: with others it begins
            anew.

    >>> import asyncio, weblayers as wl
    >>> model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], kernel_initializer="zeros")])
    >>> model.compile("sgd", "mse")
    >>> training = wl.page.training(model, "line", batch_size=4)
    >>> history = asyncio.run(training.fit(wl.ones([4, 1]), wl.ones([4, 1]), epochs=2, verbose=0))
    >>> training.epoch, training.batch_size
    (2, 4)
    """
    return Training(model if isinstance(model, list) else [model], name, batch_size, keep, settings)


def on(name: str, handler: Callable[[Any], Any]) -> None:
    """Call a function, async or not, with what the page sends: ``element.send(name, value)``. The last counts.

    Raises:
        TypeError: it cannot be called.
    """
    check_handler(f"page.on({name!r}, ...)", handler)
    host().on(f"message:{name}", handler)


def send(name: str, value: Any = None) -> None:
    """Send something to the page: its element fires ``message`` with a ``detail`` of name and value.

    Args:
        value: None, a number, a text, bytes, an array or tensor, or lists and dictionaries of these. Arrays of several
            axes become lists of lists, of typed arrays at last, also as results of ``element.call``.

    Raises:
        TypeError: something else, of which the page has nothing alike.
    """
    host().post({"type": "message", "name": name, "value": sent(value, f"page.send({name!r}, ...)")})


__getattr__ = naming.module_getattr(__name__, globals())
