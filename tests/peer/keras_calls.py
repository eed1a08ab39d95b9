"""Keras makes layers, calls them, and writes what they give. Usage: keras_calls.py FILE

The file has calls, ``{"class_name", "config", "inputs", "training"}``; ``FILE.answers`` has their outputs, and
under ``"layers"`` the names of all of its layers.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np


def array(value):
    return np.array(value["data"], value["dtype"]).reshape(value["shape"])


def answer(call):
    layer = getattr(keras.layers, call["class_name"])(**call["config"])
    modes = {} if call["training"] is None else {"training": call["training"]}
    values = np.asarray(layer(array(call["inputs"]), **modes))
    return {"dtype": str(values.dtype), "shape": list(values.shape), "data": values.ravel().tolist()}


def main(path):
    calls = json.loads(path.read_text())
    names = [name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)]
    path.with_suffix(".answers").write_text(json.dumps({"layers": names, "answers": [answer(c) for c in calls]}))


main(Path(sys.argv[1]))
