"""Tables in CSV files (RFC 4180), record by record."""

from __future__ import annotations

import csv as standard
import math
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import naming
from .dataset import Dataset
from .sources import DataSource, line_groups, shortened, source_of

# What stands in tables for numbers that are none; other words that float() knows are names.
_WORDS = {"NaN", "nan", "Infinity", "inf"}
_TAB_OR_QUOTED = re.compile(r'"[^"]*"|\t')


class _Starved(Exception):
    """The lines that have been read end here."""


@dataclass(frozen=True)
class ColumnConfig:
    """What is known of a column.

    Args:
        required: whether an empty field is an error.
        dtype: ``"float32"``, ``"int32"`` (rounded down), ``"bool"`` (1 for ``1`` and ``true``, else 0) or ``"string"``.
            Left out, what looks like a number is one, and all else a string.
        default: stands in for empty fields, which else are None.
        is_label: whether the column is one of the targets.
    """

    required: bool = False
    dtype: str | None = None
    default: Any = None
    is_label: bool = False

    def parser(self) -> Callable[[str], Any]:
        """What makes a value of a field that is not empty."""
        if self.dtype is None:
            return _number_or_text
        return naming.lookup("dtype of a column", self.dtype, _PARSERS)


def _number_or_text(text: str) -> Any:
    try:
        return _number(text)
    except ValueError:
        return text


def _number(text: str) -> float:
    value = float(text)
    if "_" in text or (not math.isfinite(value) and text.strip().lstrip("+-") not in _WORDS):
        raise ValueError(text)
    return value


_PARSERS: dict[str, Callable[[str], Any]] = {
    "float32": _number,
    "int32": lambda text: math.floor(_number(text)),
    "bool": lambda text: int(text.strip().lower() in ("1", "true")),
    "string": str,
}


class CSVDataset(Dataset):
    """The records of a table; :func:`csv` makes it, and knows the arguments."""

    def __init__(
        self,
        source: Any,
        has_header: bool = True,
        column_names: Sequence[str] | None = None,
        column_configs: Mapping[str, Any] | None = None,
        configured_columns_only: bool = False,
        delimiter: str | None = None,
        delim_whitespace: bool = False,
    ) -> None:
        self.input: DataSource = source_of(source)
        self.has_header, self.configured_columns_only = has_header, configured_columns_only
        self._given = None if column_names is None else [str(name) for name in column_names]
        self._configs = {name: _configured(name, config) for name, config in (column_configs or {}).items()}
        self._dialect = _dialect(delimiter, delim_whitespace)
        self._whitespace = delim_whitespace
        self._names: list[str] | None = None
        if configured_columns_only and not self._configs:
            raise ValueError("configured_columns_only wants column_configs, which say what columns there are")
        if not has_header:
            if self._given is None:
                raise ValueError("Column names must be provided if there is no header line: give column_names.")
            self._names = self._checked(self._given)

    async def column_names(self) -> list[str]:
        """The columns that elements have, in the order of the file; reads the header, if there is one.

        >>> import asyncio, weblayers as wl
        >>> asyncio.run(wl.data.csv("a,b\\n1,2").column_names())
        ['a', 'b']
        """
        if self._names is None:
            async for _, row in self._records():
                self._names = self._headed(row)
                break
            else:
                raise ValueError("No data was found for CSV parsing.")
        return [n for n in self._names if n in self._configs or not self.configured_columns_only]

    def _headed(self, row: list[str]) -> list[str]:
        """The names of all columns, from the header."""
        if self._given is not None and len(self._given) != len(row):
            raise ValueError(
                f"The length of the given column_names ({len(self._given)}) does not match the length of the header"
                f" line read from file ({len(row)})."
            )
        return self._checked(row if self._given is None else self._given)

    def _checked(self, names: list[str]) -> list[str]:
        double = sorted({n for n in names if names.count(n) > 1})
        if double:
            raise ValueError(f"Duplicate column names found: {', '.join(double)}: give others in column_names")
        for key in self._configs:
            if key not in names:
                raise ValueError(
                    f"The key {key!r} in column_configs does not match any of the column names: {', '.join(names)}."
                )
        return names

    async def _start(self) -> AsyncIterator[Any]:
        names = None if self.has_header else self._names
        parse = None if names is None else self._parser(names)
        async for line, row in self._records():
            if parse is None:
                self._names = self._headed(row)
                parse = self._parser(self._names)
            else:
                yield parse(line, row)
        if parse is None:
            raise ValueError("No data was found for CSV parsing.")

    def _parser(self, names: list[str]) -> Callable[[int, list[str]], Any]:
        """What makes an element of a record."""
        labelled = any(config.is_label for config in self._configs.values())
        plain = ColumnConfig()
        columns = [
            (i, name, config := self._configs.get(name, plain), config.parser())
            for i, name in enumerate(names)
            if name in self._configs or not self.configured_columns_only
        ]

        def parse(line: int, row: list[str]) -> Any:
            if len(row) != len(names):
                raise ValueError(
                    f"Invalid row in csv file, line {line}. Should have {len(names)} elements in a row, but got"
                    f" {len(row)}: {row}"
                )
            features: dict[str, Any] = {}
            labels: dict[str, Any] = {}
            for i, name, config, parsed in columns:
                text = row[i]
                if text:
                    try:
                        value = parsed(text)
                    except (ValueError, OverflowError):
                        raise ValueError(f"line {line}: column {name!r} holds {text!r}, no {config.dtype}") from None
                else:
                    value = config.default
                    if value is None and (config.required or config.is_label):
                        raise ValueError(f"Required column {name} is empty in line {line}: {row}")
                (labels if config.is_label else features)[name] = value
            return {"xs": features, "ys": labels} if labelled else features

        return parse

    async def _records(self) -> AsyncIterator[tuple[int, list[str]]]:
        """Records, each with the number of the line in which it begins; empty lines are none."""
        waiting: list[str] = []
        before = 0
        async for group in line_groups(self.input):
            if not before and not waiting:
                _check_is_table(next((line for line in group if line.strip()), ""))
            lines = [*waiting, *(map(_spaced, group) if self._whitespace else group)]
            reader = standard.reader(_until_starved(lines), **self._dialect)
            done = 0
            while True:
                try:
                    row = next(reader)
                except _Starved:
                    break
                except standard.Error as error:
                    raise ValueError(f"line {before + reader.line_num} of the CSV file: {error}") from None
                if self._whitespace and len(row) > 1 and not row[-1]:
                    # spaces at the end of the line
                    row.pop()
                if row:
                    yield before + done + 1, row
                done = reader.line_num
            # a record may go on in lines that are still to come
            waiting = lines[done:]
            before += done
        if waiting:
            raise ValueError(f"the CSV file ends within a quoted field that begins in line {before + 1}")


def _check_is_table(line: str) -> None:
    """Refuse what servers send instead of a table, by its first line."""
    page = line.lstrip().lower().startswith(("<!doctype html", "<html"))
    if page or "\0" in line:
        what = "a page in HTML" if page else "no text, but bytes"
        raise ValueError(f"this is {what}, and no table: its first line is {shortened(line.strip())}")


def _until_starved(lines: list[str]) -> Iterator[str]:
    yield from lines
    raise _Starved


def _spaced(line: str) -> str:
    """A line with spaces for tabs, but not within quotes."""
    return _TAB_OR_QUOTED.sub(lambda found: " " if found[0] == "\t" else found[0], line)


def _dialect(delimiter: str | None, whitespace: bool) -> dict[str, Any]:
    if whitespace:
        if delimiter is not None:
            raise ValueError("give either delimiter or delim_whitespace=True, not both")
        return {"delimiter": " ", "skipinitialspace": True}
    delimiter = "," if delimiter is None else delimiter
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"delimiter must be one character other than a quote or the end of a line, got {delimiter!r}")
    return {"delimiter": delimiter}


def _configured(name: str, config: Any) -> ColumnConfig:
    if config is None or isinstance(config, ColumnConfig):
        return config or ColumnConfig()
    if not isinstance(config, Mapping):
        raise TypeError(f"the configuration of column {name!r} must be a dictionary, got {type(config).__name__}")
    made = ColumnConfig(**naming.arguments(ColumnConfig, f"column {name!r}", config))
    made.parser()
    return made


def csv(source: Any, csv_config: Mapping[str, Any] | None = None, **options: Any) -> CSVDataset:
    """The records of a CSV file as dictionaries, read piece by piece: a file may be larger than memory.

    Fields are separated and quoted as RFC 4180 says: quoted ones may hold delimiters, ends of lines and doubled quotes.
    Numbers become floats, empty fields None, all else strings, unless ``column_configs`` says otherwise. With labels
    among the columns, elements are ``{"xs": {...}, "ys": {...}}``.

    Args:
        source: a URL, a path, an open file, a ``File`` that the page's user has picked, or the text itself.
        csv_config: options as one object, or as keywords: ``has_header`` (whether the first record names the columns),
            ``column_names`` (in place of the header's), ``column_configs`` (of columns by their names:
            ``required``, ``dtype``, ``default``, ``is_label``), ``configured_columns_only`` (leave others out),
            ``delimiter``, ``delim_whitespace`` (fields are separated by any number of spaces and tabs).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: while reading, with the line: records of different lengths, a required field that is empty, a field
            that does not fit its dtype, an unknown or doubled column, a page in HTML or bytes instead of a table.

    >>> import weblayers as wl
    >>> table = 'size,colour,price\\n1,"red, dark",10\\n2,,20\\n'
    >>> for element in wl.data.csv(table, {"columnConfigs": {"price": {"isLabel": True}}}):
    ...     print(element)
    {'xs': {'size': 1.0, 'colour': 'red, dark'}, 'ys': {'price': 10.0}}
    {'xs': {'size': 2.0, 'colour': None}, 'ys': {'price': 20.0}}
    """
    given = naming.arguments(CSVDataset, "csv", {**(csv_config or {}), **options})
    return CSVDataset(source, **given)
