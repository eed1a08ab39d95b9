"""The program runs to its end, as on its page: ``python -m pytest``."""

import runpy
from pathlib import Path


def test_the_program_learns() -> None:
    names = runpy.run_path(str(Path(__file__).with_name("program.py")), run_name="__main__")
    assert names["model"].history.history["loss"][-1] < 0.05
