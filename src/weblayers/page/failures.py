"""Exceptions in words for who reads a page."""

from __future__ import annotations

import traceback
from typing import Any

Message = dict[str, Any]


def failure(error: BaseException, program: str | None = None) -> Message:
    """What to say of an exception: type and first line, the program's own lines, and all of it for who wants it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if program is not None and frame.filename == program]
    # what has called the program is none of its reader's
    shown = error.__traceback__
    begun = frames.index(own[0]) if own else len(frames) if isinstance(error, SyntaxError) else 0
    for _ in range(begun):
        shown = shown.tb_next if shown else None
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else own[-1].lineno if own else None
    return {
        "type": "error",
        "text": _headline(error),
        "line": line,
        "source": (own[-1].line or "") if own else (getattr(error, "text", "") or "").strip(),
        "traceback": "".join(traceback.format_exception(type(error), error, shown)),
    }


def ends_well(error: BaseException) -> bool:
    """Whether it is an exit with nothing to complain of."""
    return isinstance(error, SystemExit) and (error.code is None or error.code == 0)


def _headline(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it has ended itself: {error.code if isinstance(error.code, str) else f'exit({error.code})'}"
    # of a syntax error the lines of its place, which are indented, come before
    said = next(each for each in traceback.format_exception_only(error) if not each.startswith(" "))
    first, *rest = [line.strip() for line in said.splitlines() if line.strip()]
    return f"{first} {rest[0]}" if rest and first.endswith(":") else first
