"""Exceptions in words for who reads a page."""

from __future__ import annotations

import traceback
from typing import Any

Message = dict[str, Any]


def failure(error: BaseException, program: str | None = None) -> Message:
    """What to say of an exception: its last line, the program's own lines, and all of it for those who want it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if program is not None and frame.filename == program]
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else own[-1].lineno if own else None
    return {
        "type": "error",
        "text": "".join(traceback.format_exception_only(error)).strip().splitlines()[-1],
        "line": line,
        "source": (own[-1].line or "") if own else (getattr(error, "text", "") or "").strip(),
        "traceback": "".join(traceback.format_exception(error)),
    }
