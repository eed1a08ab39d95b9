"""Models on servers: shards are fetched side by side; saving is a POST of a form with two files."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ... import naming
from .. import browser, registry
from ..artifacts import Artifacts, SaveResult, dumped, manifest_of
from ..checks import MAX_JSON, ModelFileError, ModelNotFoundError, checked_path, expect, parsed_json
from ..registry import settled
from ..weights import byte_length

# How many shards are fetched at the same time.
_PARALLEL = 8


class Response(NamedTuple):
    """What a server answered."""

    status: int
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


async def request(
    url: str, init: Mapping[str, Any], fetch_func: Callable[..., Any] | None = None, limit: int | None = None
) -> Response:
    """Ask a server.

    Args:
        url: of what is wanted.
        init: ``method``, ``headers`` and ``body``, and what else the page's fetch knows.
        fetch_func: what to fetch with. Called with both, it gives (perhaps later) bytes, or a response with ``status``
            and ``bytes()``, as ``pyodide.http.pyfetch`` does.
        limit: how many bytes to read; one more shows that there are more.

    Raises:
        OSError: there is no answer.
    """
    if fetch_func is None and sys.platform != "emscripten":
        return await asyncio.to_thread(_requested, url, init, limit)
    given = await settled((fetch_func or browser.fetch)(url, dict(init)))
    if isinstance(given, bytes | bytearray | memoryview):
        return Response(200, bytes(given))
    return Response(int(given.status), bytes(await settled(given.bytes())))


def _requested(url: str, init: Mapping[str, Any], limit: int | None) -> Response:
    # pages have a fetch of their own, and do without these
    import urllib.error
    import urllib.request

    asked = urllib.request.Request(
        url, data=init.get("body"), headers=dict(init.get("headers", {})), method=init.get("method")
    )
    try:
        with urllib.request.urlopen(asked) as answer:
            return Response(answer.status, answer.read() if limit is None else answer.read(limit + 1))
    except urllib.error.HTTPError as error:
        return Response(error.code, b"")


def is_http_scheme(url: str) -> bool:
    """Whether a URL begins with ``http://`` or ``https://``."""
    return url.startswith(("http://", "https://"))


def is_relative_url(url: Any) -> bool:
    """Whether a path is one of the page's server rather than a file, which there are in pages too."""
    plain = isinstance(url, str) and "://" not in url
    return plain and sys.platform == "emscripten" and not Path(url).exists()


class HttpHandler(naming.Named):
    """Loads from and saves to a server; see :func:`http`."""

    def __init__(
        self,
        path: str,
        request_init: Mapping[str, Any] | None = None,
        on_progress: Callable[[float], Any] | None = None,
        fetch_func: Callable[..., Any] | None = None,
        weight_path_prefix: str | None = None,
        weight_url_converter: Callable[[str], Any] | None = None,
    ) -> None:
        if not path:
            raise ValueError("URL path for http must not be null, undefined or empty.")
        if request_init and request_init.get("body") is not None:
            raise ValueError("requestInit is expected to have no pre-existing body, but has one.")
        self.path, self.request_init = path, dict(request_init or {})
        self.on_progress, self.fetch_func = on_progress, fetch_func
        self.weight_path_prefix, self.weight_url_converter = weight_path_prefix, weight_url_converter

    async def save(self, artifacts: Artifacts) -> SaveResult:
        described = dumped(artifacts.to_json(["./model.weights.bin"])).encode()
        parts = [("model.json", "application/json", described)]
        if artifacts.weight_data is not None:
            parts.append(("model.weights.bin", "application/octet-stream", artifacts.weight_data))
        body, kind = _form(parts)
        headers = {**self.request_init.get("headers", {}), "Content-Type": kind}
        init = {"method": "POST", **self.request_init, "headers": headers, "body": body}
        response = await request(self.path, init, self.fetch_func)
        if not response.ok:
            raise OSError(f"BrowserHTTPRequest.save() failed due to HTTP response status {response.status}.")
        return SaveResult(artifacts.info, [response])

    async def load(self) -> Artifacts:
        described = parsed_json(await self._fetched(self.path, MAX_JSON), self.path)
        artifacts = Artifacts.from_json(described, self.path)
        if artifacts.weight_specs is not None:
            size = byte_length(artifacts.weight_specs, self.path)
            urls = await self._weight_urls(described)
            artifacts.weight_data = b"".join(await self._shards(urls, size))
            found = len(artifacts.weight_data)
            expect(found == size, self.path, f"the weights take {size} bytes, but their files have {found}")
        return artifacts

    async def _fetched(self, url: str, limit: int) -> bytes:
        try:
            response = await request(url, self.request_init, self.fetch_func, limit)
        except OSError as error:
            raise ModelFileError(f"Request to {url} failed: {error}") from error
        if not response.ok:
            error_class = ModelNotFoundError if response.status == 404 else ModelFileError
            raise error_class(
                f"Request to {url} failed with status code {response.status}."
                " Please verify this URL points to the model JSON of the model to load."
            )
        return response.body

    async def _weight_urls(self, described: Any) -> list[str]:
        paths = [p for group in manifest_of(described, self.path) for p in group["paths"]]
        if self.weight_url_converter is not None:
            return [await settled(self.weight_url_converter(p)) for p in paths]
        base, mark, query = self.path.partition("?")
        folder = base[: base.rfind("/") + 1]
        prefix = self.weight_path_prefix if self.weight_path_prefix is not None else folder
        return [f"{prefix}{checked_path(p, self.path)}{mark}{query}" for p in paths]

    async def _shards(self, urls: list[str], limit: int) -> list[bytes]:
        free = asyncio.Semaphore(_PARALLEL)
        done = 0

        async def shard(url: str) -> bytes:
            nonlocal done
            async with free:
                data = await self._fetched(url, limit)
            done += 1
            if self.on_progress is not None:
                self.on_progress(done / len(urls))
            return data

        return await asyncio.gather(*map(shard, urls))


def _form(parts: list[tuple[str, str, bytes]]) -> tuple[bytes, str]:
    """Files as the body of a form, and its content type."""
    boundary = secrets.token_hex(16)
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, kind, data in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def http(path: str, load_options: Mapping[str, Any] | None = None, **options: Any) -> HttpHandler:
    """A handler for a URL.

    Args:
        path: URL of ``model.json``, or of where to POST a form with ``model.json`` and ``model.weights.bin``.
        load_options: options as one object, or as keywords: ``request_init`` (method, headers, credentials),
            ``on_progress`` (called with the fraction of shards that are here), ``fetch_func``,
            ``weight_path_prefix`` (in place of the folder of ``path``), ``weight_url_converter`` (from the paths in
            the manifest to URLs, perhaps asynchronous).

    >>> http("https://example.org/model.json", {"weightPathPrefix": "https://cdn.example.org/"}).path
    'https://example.org/model.json'
    """
    given = naming.arguments(HttpHandler, "http", {**(load_options or {}), **options})
    given.pop("path", None)
    return HttpHandler(path, **given)


browser_http_request = http


def _save_router(url: Any) -> HttpHandler | None:
    return HttpHandler(url) if isinstance(url, str) and is_http_scheme(url) else None


def _load_router(url: Any, options: dict[str, Any]) -> HttpHandler | None:
    if not isinstance(url, str) or not (is_http_scheme(url) or is_relative_url(url)):
        return None
    return HttpHandler(url, **options)


registry.register_save_router(_save_router)
registry.register_load_router(_load_router)
