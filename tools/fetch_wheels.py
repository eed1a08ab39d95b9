"""Fetch the wheels that npm's `pyodide` package does not carry. Usage: fetch_wheels.py PYODIDE_FOLDER FOLDER"""

import sys
from pathlib import Path

from weblayers.hosting.wheels import fetch_wheels

try:
    fetch_wheels(*map(Path, sys.argv[1:]))
except OSError as error:
    sys.exit(f"fetch_wheels: {error}")
