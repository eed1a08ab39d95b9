"""Where models are saved to and loaded from. Each module registers who saves and loads its URLs."""

from . import files, http, memory, picked, storage

__all__ = ["files", "http", "memory", "picked", "storage"]
