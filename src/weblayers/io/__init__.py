"""Saving, loading and converting models; where they are stored.

Handlers have ``save(artifacts)``, ``load()`` or both, asynchronous or not; any object with one of them will do.
"""

from .. import naming
from ..runtime.kept_plans import kept_plans
from . import browser
from .artifacts import Artifacts, ModelArtifactsInfo, SaveResult
from .checks import ModelFileError, ModelNotFoundError
from .handlers.http import browser_http_request, http, is_http_scheme
from .handlers.memory import from_memory, from_memory_sync, with_save_handler, with_save_handler_sync
from .handlers.picked import browser_files
from .registry import (
    copy_model,
    get_load_handlers,
    get_save_handlers,
    list_models,
    move_model,
    register_load_router,
    register_manager,
    register_save_router,
    remove_model,
)
from .saving import load_layers_model
from .topology import model_from_json
from .weights import decode_weights, encode_weights

ModelArtifacts = Artifacts

__all__ = [
    "Artifacts",
    "ModelArtifacts",
    "ModelArtifactsInfo",
    "ModelFileError",
    "ModelNotFoundError",
    "SaveResult",
    "browser_files",
    "browser_http_request",
    "copy_model",
    "decode_weights",
    "encode_weights",
    "from_memory",
    "from_memory_sync",
    "get_load_handlers",
    "get_save_handlers",
    "http",
    "is_http_scheme",
    "list_models",
    "load_layers_model",
    "model_from_json",
    "move_model",
    "register_load_router",
    "register_manager",
    "register_save_router",
    "remove_model",
    "with_save_handler",
    "with_save_handler_sync",
]

if browser.has_indexed_db():
    kept_plans.store = browser.PlanStore()

__getattr__ = naming.module_getattr(__name__, globals())
