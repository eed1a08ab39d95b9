"""Where texts come from: files, servers and strings, read piece by piece, so that they may be larger than memory."""

from __future__ import annotations

import asyncio
import codecs
import io
import sys
import urllib.error
import urllib.parse
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from ..io import browser
from ..io.handlers.http import is_http_scheme, is_relative_url
from ..io.registry import settled
from ..naming import Named
from .dataset import Dataset
from .operators import synchronous

# Bytes, or characters, that are read at a time.
CHUNK = 1 << 20


class DataSource(Named, ABC):
    """Something that can be read from its beginning again and again."""

    @abstractmethod
    def chunks(self) -> AsyncIterator[bytes | str]:
        """Its content, piece by piece."""


class TextDataSource(DataSource):
    """A text, or its bytes.

    >>> import weblayers as wl
    >>> list(wl.data.text_lines(wl.data.TextDataSource("one")))
    ['one']
    """

    def __init__(self, text: str | bytes) -> None:
        self.text = text

    async def chunks(self) -> AsyncIterator[bytes | str]:
        for start in range(0, len(self.text), CHUNK):
            yield self.text[start : start + CHUNK]


class FileDataSource(DataSource):
    """A file: a path, an open file, or a ``File`` that the page's user has picked.

    Args:
        input: what to read. An open file is read from where it stands.
        chunk_size: how much of it at a time.

    Raises:
        FileNotFoundError: there is none at that path.
    """

    def __init__(self, input: Any, chunk_size: int = CHUNK) -> None:
        self.input, self.chunk_size = input, chunk_size
        self._begun = False
        if isinstance(input, str | Path):
            self.input = Path(_local(str(input)))
            if not self.input.is_file():
                raise FileNotFoundError(
                    f"there is no file {str(input)!r}; a source is a path, a URL, an open file, or a text of many lines"
                )
        elif not hasattr(input, "read") and not hasattr(input, "arrayBuffer"):
            raise TypeError(f"a source is a path, a URL, an open file, or a text, got {type(input).__name__}")
        self._seekable = hasattr(input, "seek") and getattr(input, "seekable", lambda: True)()
        self._from = input.tell() if self._seekable else 0

    async def chunks(self) -> AsyncIterator[bytes | str]:
        if isinstance(self.input, Path):
            with self.input.open("rb") as file:
                while data := file.read(self.chunk_size):
                    yield data
        elif hasattr(self.input, "read"):
            self._rewind()
            while data := await settled(self.input.read(self.chunk_size)):
                yield data
        else:
            async for data in browser.stream_chunks(self.input.stream()):
                yield data

    def _rewind(self) -> None:
        if self._seekable:
            self.input.seek(self._from)
        elif self._begun:
            raise ValueError("this open file can be read only once: give a path, or a file that can seek()")
        self._begun = True


class URLDataSource(DataSource):
    """What a server answers, while it arrives.

    Args:
        url: where to ask; in a page it may be relative.
        request_init: ``method``, ``headers`` and what else the page's fetch knows.
    """

    def __init__(self, url: str, request_init: Mapping[str, Any] | None = None) -> None:
        self.url, self.request_init = url, dict(request_init or {})

    async def chunks(self) -> AsyncIterator[bytes | str]:
        if sys.platform == "emscripten":
            response = await browser.fetch(self.url, self.request_init)
            if not response.ok:
                raise OSError(f"request to {self.url} failed with status {response.status}")
            async for data in browser.stream_chunks(response.js_response.body):
                yield data
            return
        try:
            answer = await _in_thread(urllib.request.urlopen, self._request())
        except urllib.error.HTTPError as error:
            raise OSError(f"request to {self.url} failed with status {error.code}") from None
        with answer:
            while data := await _in_thread(answer.read, CHUNK):
                yield data

    def _request(self) -> urllib.request.Request:
        init = self.request_init
        return urllib.request.Request(
            self.url, data=init.get("body"), headers=dict(init.get("headers", {})), method=init.get("method")
        )


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args) if synchronous.get() else await asyncio.to_thread(function, *args)


def _local(path: str) -> str:
    """The path of a ``file://`` URL; of another string itself."""
    return urllib.request.url2pathname(urllib.parse.urlsplit(path).path) if path.startswith("file://") else path


def source_of(given: Any) -> DataSource:
    """The source that somebody means by a URL, a path, an open file or a text.

    >>> type(source_of("a,b\\n1,2")).__name__, type(source_of("https://example.org/data.csv")).__name__
    ('TextDataSource', 'URLDataSource')
    """
    if isinstance(given, DataSource):
        return given
    if isinstance(given, bytes) or (isinstance(given, str) and ("\n" in given or "\r" in given)):
        return TextDataSource(given)
    if isinstance(given, str) and (
        is_http_scheme(given) or given.startswith(("blob:", "data:")) or is_relative_url(given)
    ):
        return URLDataSource(given)
    return FileDataSource(given)


async def content(source: DataSource) -> bytes:
    """All bytes of a source."""
    return b"".join([c.encode() if isinstance(c, str) else c async for c in source.chunks()])


async def line_groups(source: DataSource) -> AsyncIterator[list[str]]:
    """The lines of a text in UTF-8, with their ends, as many at a time as a chunk has.

    Raises:
        ValueError: these are other bytes.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest, first = "", True
    async for chunk in source.chunks():
        text = chunk if isinstance(chunk, str) else _decoded(decoder, chunk)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        lines = _split(rest + text)
        # the end of a line that ends in \r may be still to come
        rest = lines.pop() if lines and not lines[-1].endswith("\n") else ""
        if lines:
            yield lines
    if lines := _split(rest + _decoded(decoder, b"", True)):
        yield lines


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes, final: bool = False) -> str:
    try:
        return decoder.decode(data, final)
    except UnicodeDecodeError as error:
        line = error.object[error.object.rfind(b"\n", 0, error.start) + 1 :].partition(b"\n")[0]
        raise ValueError(f"this is no text in UTF-8: one of its lines is {shortened(line)}") from None


def shortened(line: str | bytes) -> str:
    """A line as errors show it."""
    return repr(line[:60]) + ("..." if len(line) > 60 else "")


def _split(text: str) -> list[str]:
    # str.splitlines would split at characters that are no ends of lines
    return io.StringIO(text, newline="").readlines()


class TextLineDataset(Dataset):
    """The lines of a text, without their ends.

    Args:
        source: a URL, a path, an open file, a ``File`` that the page's user has picked, or a text of several lines.

    >>> import weblayers as wl
    >>> list(wl.data.text_lines("one\\r\\ntwo\\n"))
    ['one', 'two']
    """

    def __init__(self, source: Any) -> None:
        self.input = source_of(source)

    async def _start(self) -> AsyncIterator[Any]:
        async for lines in line_groups(self.input):
            for line in lines:
                yield line.rstrip("\r\n")


text_lines = TextLineDataset
