"""Static pages from programs: ``weblayers new``, ``weblayers build`` and ``weblayers serve``."""

from __future__ import annotations
