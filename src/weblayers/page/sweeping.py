"""Many runs of one function with other settings, side by side where there are workers, and what comes of each."""

from __future__ import annotations

import ast
import asyncio
import base64
import builtins
import dis
import inspect
import itertools
import linecache
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from .hosts import PageHost, host

_numbers = itertools.count()


@dataclass
class Run:
    """One run of a sweep.

    Attributes:
        settings: what the function was called with.
        result: what it has given; None before, and where it has failed.
        error: what went wrong, in words; None where nothing did.
    """

    settings: dict[str, Any]
    result: Any = None
    error: str | None = None


async def sweep(
    function: Callable[..., Any],
    settings: Sequence[Mapping[str, Any]],
    *,
    shared: Mapping[str, Any] | None = None,
    workers: int | None = None,
    on_run: Callable[[Run], Any] | None = None,
) -> list[Run]:
    """Call a function of the program with one setting after the other: in a page, in several workers side by side.

    Each worker has a Python of its own. It knows what the program imports, its functions and classes, and numbers,
    texts and the like that are written down at its top level; all else the function gets as arguments. Arguments and
    results are copied: arrays, numbers, texts, lists and dictionaries of these. Elsewhere than in a page, and where a
    page may have no workers, the runs are made one after the other.

    Args:
        function: one of the program's top level, async or not.
        settings: the arguments of each run, by name.
        shared: arguments that all runs have, data for example.
        workers: how many there are at most; left out, as many as the machine has cores, and no more than four, as each
            takes the memory of a Python.
        on_run: is told of each run that has ended, in the order in which they end.

    Returns:
        The runs, in the order of the settings. What goes wrong in one is its ``error``, and the others go on.

    Raises:
        ValueError: the function cannot be called elsewhere, with the reason.

    >>> import asyncio, weblayers as wl
    >>> def area(width, height):
    ...     return width * height
    >>> runs = asyncio.run(wl.page.sweep(area, [{"width": 2}, {"width": "x"}], shared={"height": 3.0}))
    >>> runs[0].settings, runs[0].result
    ({'width': 2}, 6.0)
    >>> runs[1].error
    "TypeError: can't multiply sequence by non-int of type 'float'"
    """
    if not isinstance(function, FunctionType) or "<" in function.__qualname__ or "." in function.__qualname__:
        raise ValueError(f"sweep needs a function of the program's top level, got {function!r}")
    if workers is not None and workers < 1:
        raise ValueError(f"sweep needs a worker at least, got workers={workers}")
    runs = [Run(dict(each)) for each in settings]
    tasks = [_packed({**(shared or {}), **run.settings}) for run in runs]

    def ended(index: int, outcome: Mapping[str, Any]) -> None:
        run = runs[index]
        run.error = outcome.get("error")
        run.result = None if run.error is not None else _unpacked(outcome["result"])
        if on_run is not None:
            on_run(run)

    if not isinstance(host(), PageHost) or not await _in_workers(function, tasks, workers, ended):
        for index, task in enumerate(tasks):
            ended(index, await perform(function, task))
    return runs


async def perform(function: Callable[..., Any], task: str) -> dict[str, str]:
    """Call a function with arguments that were packed; its result packed, or the error."""
    try:
        result = function(**_unpacked(task))
        if inspect.isawaitable(result):
            result = await result
        return {"result": _packed(result)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def _in_workers(
    function: FunctionType,
    tasks: Sequence[str],
    workers: int | None,
    ended: Callable[[int, Mapping[str, Any]], None],
) -> bool:
    """Have the page's workers make the runs; False where it has none."""
    filename = function.__code__.co_filename
    source = definitions("".join(linecache.getlines(filename)), filename)
    _check(function, source)
    number, done = next(_numbers), asyncio.get_running_loop().create_future()
    left = len(tasks)

    def heard(outcome: Mapping[str, Any]) -> None:
        nonlocal left
        if done.done():
            return
        if "index" not in outcome:
            done.set_result(False)
            return
        try:
            ended(outcome["index"], outcome)
        except Exception as error:
            done.set_exception(error)
            return
        left -= 1
        if not left:
            done.set_result(True)

    host().on(f"sweep{number}", heard)
    about = {"source": source, "filename": filename, "function": function.__name__, "tasks": list(tasks)}
    host().post({"type": "sweep", "id": number, "workers": workers, **about})
    try:
        return not tasks or await done
    finally:
        host().post({"type": "swept", "id": number})


def definitions(source: str, filename: str) -> str:
    """What a program defines: imports, functions, classes, and values that are written down. Nothing of it trains.

    >>> definitions("import math\\nRATE = 0.1\\nx = math.sqrt(2)\\ndef f():\\n    return x\\nf()", "p.py")
    'import math\\nRATE = 0.1\\ndef f():\\n    return x'
    """
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [each for each in ast.parse(source, filename).body if isinstance(each, kinds) or _is_literal(each)]
    return "\n".join(ast.unparse(each) for each in found)


def _is_literal(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign):
        return False
    try:
        ast.literal_eval(statement.value)
    except ValueError:
        return False
    return True


def _check(function: FunctionType, source: str) -> None:
    """Refuse a function that needs what other workers do not know."""
    known = {name for each in ast.parse(source).body for name in _names_of(each)}
    checked: set[str] = set()
    waiting = [function]
    while waiting:
        one = waiting.pop()
        checked.add(one.__name__)
        for name in _read(one.__code__):
            if name not in one.__globals__ or hasattr(builtins, name):
                continue
            if name not in known:
                raise ValueError(
                    f"{one.__name__} reads {name!r}, which a worker does not know, as the program computes it. Give it"
                    f" as an argument: sweep(..., shared={{{name!r}: {name}}})"
                )
            value = one.__globals__[name]
            if isinstance(value, FunctionType) and value.__globals__ is one.__globals__ and name not in checked:
                waiting.append(value)


def _names_of(statement: ast.stmt) -> list[str]:
    """The names that a definition makes."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in statement.names]
    if isinstance(statement, ast.Assign):
        return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [str(getattr(statement, "name", ""))]


def _read(code: CodeType) -> Iterator[str]:
    """The names that code, and the code inside it, looks for at the top level."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _read(constant)


def _packed(value: Any) -> str:
    try:
        return base64.b64encode(pickle.dumps(value)).decode()
    except Exception as error:
        raise TypeError(
            f"a sweep's arguments and results are arrays, numbers, texts, lists and dictionaries: {error}"
        ) from error


def _unpacked(text: str) -> Any:
    return pickle.loads(base64.b64decode(text))
