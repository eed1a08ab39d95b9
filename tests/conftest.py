"""How two processes share the tests: one has the engine in browsers, the other all else, and pages, file by file."""

import os
from pathlib import Path

import pytest

# Keras compares with what is computed here, which takes JAX longer to compile than to compute: processes share that.
os.environ |= {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / "build" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}

# What has pages of its own, with elements on them.
PAGES = {
    f"test_{name}"
    for name in (
        "embedding",
        "gallery",
        "keras_files",
        "offline",
        "pyscript",
        "runs",
        "speed",
        "steering",
        "storage",
        "toolchain",
    )
}
GROUPS = ("browser", "native", "pages")


def group_of(item: pytest.Item) -> str:
    if item.path.parent.name != "browser":
        return "native"
    return "pages" if item.path.stem in PAGES else "browser"


@pytest.hookimpl(tryfirst=True)  # before the plugin looks for the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # groups are handed out in the order of their first tests
    items.sort(key=lambda item: GROUPS.index(group_of(item)))
    for item in items:
        group = group_of(item)
        item.add_marker(pytest.mark.xdist_group(group if group == "browser" else f"{group} {item.path.stem}"))
