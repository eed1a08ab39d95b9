"""Serve a folder of static files on localhost."""

from __future__ import annotations

import errno
import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Types that browsers insist on, whatever the system's table says, and no stale files after a rebuild."""

    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".json": "application/json",
        ".py": "text/plain; charset=utf-8",
        ".wasm": "application/wasm",
        ".whl": "application/zip",
    }

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet: the browser's console tells what is missing."""


def make_server(
    folder: Path, port: int = 0, handler: type[http.server.SimpleHTTPRequestHandler] = Handler
) -> http.server.ThreadingHTTPServer:
    """A server for `folder` on `port`, or on a free port where that is 0 or taken."""
    make_handler = functools.partial(handler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), make_handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), make_handler)


@contextmanager
def serving(folder: Path, handler: type[http.server.SimpleHTTPRequestHandler] = Handler) -> Iterator[str]:
    """Serve `folder` from a thread; gives the URL, without a slash at its end."""
    with make_server(folder, handler=handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def serve(folder: Path, port: int) -> None:
    """Serve a folder until somebody presses Ctrl+C; prints the URL, and that the port was taken if it was."""
    with make_server(folder, port) as server:
        if port not in (0, server.server_port):
            print(f"Port {port} is taken; this is another:", flush=True)
        print(f"Open http://localhost:{server.server_port}/ in a browser; Ctrl+C ends the server.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
