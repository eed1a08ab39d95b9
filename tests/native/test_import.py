"""What an import of the package imports: pages compile each module from its source."""

import subprocess
import sys

import pytest

import weblayers as wl

# What a page that trains and predicts does without.
LATER = {
    "numpy.typing",
    "urllib.request",
    "weblayers.compiler.lower",
    "weblayers.data",
    "weblayers.io.keras.archive",
    "weblayers.layers.augmentation",
    "weblayers.layers.lookup",
    "weblayers.io.keras.hdf5",
    "weblayers.models.plot",
    "weblayers.page",
    "weblayers.utils",
    "weblayers.vis",
}


def imported(program):
    script = f"import sys\n{program}\nsys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    return set(done.stdout.split())


def test_what_a_page_may_not_need_is_imported_later():
    before = imported("import numpy, asyncio")
    modules = imported("import numpy, asyncio, weblayers") - before
    assert not modules & LATER
    # each is compiled, in a page
    assert len([m for m in modules if m.startswith("weblayers")]) <= 223


def test_what_is_imported_later_is_there_in_every_spelling():
    program = """
import weblayers as wl
assert {"data", "utils", "plot_model", "Drawing", "sequential"} <= set(dir(wl))
assert wl.plotModel is wl.plot_model is wl.utils.plot_model
assert callable(wl.data.array) and wl.Drawing.__name__ == "Drawing"
import weblayers.data
from weblayers import *
data, plot_model
"""
    assert {"weblayers.data", "weblayers.models.plot"} <= imported(program)


@pytest.mark.parametrize(
    "program",
    [
        "wl.layers.StringLookup(vocabulary=['a'])",
        "wl.layers.textVectorization(vocabulary=['a'])",
        "wl.layers.hashing(num_bins=3)",
        "wl.layers.deserialize({'class_name': 'RandomFlip', 'config': {}})",
        "wl.utils.FeatureSpace(features={'a': 'float'}), wl.layers.hashing(num_bins=3)",
        "from weblayers.layers import random_hue; random_hue(factor=0.1)",
        "from weblayers.layers import *; string_lookup(vocabulary=['a'])",
        "wl.layers.CLASSES['StringLookup'], wl.layers.FACTORIES['dense']",
    ],
)
def test_layers_that_prepare_data_are_imported_later(program):
    assert "weblayers.layers.lookup" in imported(f"import weblayers as wl\n{program}")


def test_all_that_is_listed_is_there():
    assert [name for name in wl.__all__ if not hasattr(wl, name)] == []
    assert set(wl.__all__) <= set(dir(wl))
