"""Docstrings as Markdown, for mkdocstrings: examples and tables of arguments as they are written in the sources."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")
# "Args of every layer:", which is no section to griffe
OTHER_ARGUMENTS = re.compile(r"^( *)(Args [^\n]*)\n((?:\1 {4}.*(?:\n|\Z))+)", re.MULTILINE)


def fenced(match: re.Match[str]) -> str:
    """An example as a block of code."""
    indent = match[1]
    return f"{indent}```pycon\n{match[0]}\n{indent}```"


def listed(match: re.Match[str]) -> str:
    """Arguments as a list."""
    indent, heading, lines = match.groups()
    items = re.sub(rf"^{indent} {{4}}(\w[\w, ()`]*?):", rf"{indent}- **`\1`**:", lines, flags=re.MULTILINE)
    return f"{indent}{heading}\n\n{items}\n"


def markdown(docstring: str) -> str:
    """A docstring in the sources' style as mkdocstrings wants it."""
    return ROLE.sub(r"`\1`", OTHER_ARGUMENTS.sub(listed, EXAMPLE.sub(fenced, docstring)))


class Docstrings(griffe.Extension):
    """Rewrites every docstring that is collected."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
