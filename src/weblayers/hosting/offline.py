"""A site that works without a network after the first visit: its service worker."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

# The worker's name, at the top of the site, as it serves what is below; and what of the runtime it is made of.
WORKER = "offline.js"
SCRIPT = "weblayers-offline.js"


def address_of(name: str) -> str:
    """The address of a file of a site, relative to its top.

    >>> address_of("données/100%.csv")
    'donn%C3%A9es/100%25.csv'
    """
    # versions of wheels may have a plus, which is what it is in a path
    return quote(name, safe="/+")


def offline_worker(files: Mapping[str, bytes], runtime: str = "weblayers/") -> bytes:
    """The script of a service worker that keeps files for visits without a network.

    Args:
        files: all of the site's that are to be kept, by their names from its top.
        runtime: where the runtime is. Of its wheels, those that its pages load are kept.

    Raises:
        ValueError: the runtime has no such script.
    """
    script = files.get(runtime + SCRIPT)
    if script is None:
        raise ValueError(f"the runtime has no {SCRIPT}, which pages that work offline need")
    lock = files.get(f"{runtime}pyodide-lock.json", b"")
    kept = {
        name: hashlib.sha256(data).digest()
        for name, data in sorted(files.items())
        if name != WORKER and (not _is_wheel_of(name, runtime) or PurePosixPath(name).name.encode() in lock)
    }
    entries = [
        {
            "url": address_of(name),
            "revision": digest.hex()[:16],
            "integrity": f"sha256-{base64.b64encode(digest).decode()}",
        }
        for name, digest in kept.items()
    ]
    return b"self.weblayersFiles = " + json.dumps(entries, indent=0).encode() + b";\n" + script


def _is_wheel_of(name: str, runtime: str) -> bool:
    return name.startswith(runtime) and name.endswith(".whl")
