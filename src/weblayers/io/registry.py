"""Who saves and loads what: routers from URLs to handlers, and managers of the places where models are stored."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from .artifacts import ModelArtifactsInfo

Router = Callable[..., Any]

_save_routers: list[Router] = []
_load_routers: list[Router] = []
_managers: dict[str, Manager] = {}


class Manager(Protocol):
    """A place where models are stored by name."""

    async def list_models(self) -> dict[str, ModelArtifactsInfo]: ...

    async def remove_model(self, path: str) -> ModelArtifactsInfo: ...


def register_save_router(router: Router) -> None:
    """Have a function asked for handlers that save to a URL: it gives one, or None if the URL is not for it."""
    _save_routers.append(router)


def register_load_router(router: Router) -> None:
    """Have a function asked for handlers that load from a URL; it is given the URL and the options of loading."""
    _load_routers.append(router)


def register_manager(scheme: str, manager: Manager) -> None:
    """Let models under ``scheme://`` be listed and removed."""
    _managers[scheme.removesuffix("://")] = manager


def get_save_handlers(url: Any) -> list[Any]:
    """The handlers that save to a URL."""
    return [h for h in (router(url) for router in _save_routers) if h is not None]


def get_load_handlers(url: Any, load_options: dict[str, Any] | None = None) -> list[Any]:
    """The handlers that load from a URL."""
    return [h for h in (router(url, load_options or {}) for router in _load_routers) if h is not None]


def save_handler(target: Any) -> Any:
    """What saves to a URL, a path, or is a handler itself.

    Raises:
        ValueError: nothing saves there.
    """
    if not _is_address(target):
        if not callable(getattr(target, "save", None)):
            raise ValueError(
                "LayersModel.save() cannot proceed because the IOHandler provided does not have the `save`"
                " attribute defined."
            )
        return target
    handlers = get_save_handlers(str(target))
    if not handlers:
        raise ValueError(f"Cannot find any save handlers for URL '{target}'")
    if len(handlers) > 1:
        raise ValueError(f"Found more than one ({len(handlers)}) save handlers for URL '{target}'")
    return handlers[0]


def load_handler(source: Any, options: dict[str, Any] | None = None) -> Any:
    """What loads from a URL, a path, or is a handler itself.

    Raises:
        ValueError: nothing loads from there.
    """
    if not _is_address(source):
        if not callable(getattr(source, "load", None)):
            raise ValueError(
                "Cannot proceed with model loading because the IOHandler provided does not have the `load` method"
                " implemented."
            )
        return source
    handlers = get_load_handlers(str(source), options)
    if not handlers:
        raise ValueError(f"Cannot find any load handlers for URL '{source}'")
    if len(handlers) > 1:
        raise ValueError(f"Found more than one ({len(handlers)}) load handlers for URL '{source}'")
    return handlers[0]


def _is_address(value: Any) -> bool:
    return isinstance(value, str) or hasattr(value, "__fspath__")


async def settled(value: Any) -> Any:
    """What a handler gave, at once or later."""
    return await value if inspect.isawaitable(value) else value


# -- stored models ----------------------------------------------------------------------------------------------------


def _managed(url: str) -> tuple[Manager, str]:
    scheme, found, path = url.partition("://")
    if not found:
        raise ValueError(
            f"The url string provided does not contain a scheme. Supported schemes are: {','.join(_managers)}"
        )
    if scheme not in _managers:
        raise ValueError(f"Cannot find model manager for scheme '{scheme}'")
    return _managers[scheme], path


async def list_models() -> dict[str, ModelArtifactsInfo]:
    """What is known of each stored model, by its URL.

    >>> import asyncio, weblayers as wl
    >>> asyncio.run(wl.io.list_models())
    {}
    """
    found = {}
    for scheme, manager in _managers.items():
        found.update({f"{scheme}://{path}": info for path, info in (await manager.list_models()).items()})
    return found


async def remove_model(url: str) -> ModelArtifactsInfo:
    """Remove a stored model, or a model's files, and say what it was.

    Raises:
        ValueError: there is none.
    """
    if url.partition("://")[0] in _managers:
        manager, path = _managed(url)
        return await manager.remove_model(path)
    handler = load_handler(url)
    if not hasattr(handler, "remove"):
        raise ValueError(f"Cannot remove '{url}': models are removed from {', '.join(_managers)} and from paths")
    return await handler.remove()


async def copy_model(source_url: str, dest_url: str) -> ModelArtifactsInfo:
    """Copy a model from one URL to another, and say what was copied.

    Raises:
        ValueError: nothing loads from the one or saves to the other, or they are the same.
    """
    if source_url == dest_url:
        raise ValueError(f"Old path and new path are the same: '{source_url}'")
    source, target = load_handler(source_url), save_handler(dest_url)
    result = await settled(target.save(await settled(source.load())))
    return result.model_artifacts_info


async def move_model(source_url: str, dest_url: str) -> ModelArtifactsInfo:
    """Copy a model, then remove it from where it was. If the copy fails, the model stays where it is."""
    info = await copy_model(source_url, dest_url)
    await remove_model(source_url)
    return info
