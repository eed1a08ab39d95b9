"""Keras on the other side of a file: opens the models of a folder, and writes what they predict.

For each ``name.keras`` or ``name.h5`` there is a ``name.json`` with inputs. Each model is saved again, into the folder
``again``. Usage: keras_models.py FOLDER
"""

import json
import os
import sys
import traceback
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np


def mapped(value):
    if isinstance(value, dict) and {"shape", "data"} <= value.keys():
        return np.array(value["data"], value["dtype"]).reshape(value["shape"])
    if isinstance(value, dict):
        return {k: mapped(v) for k, v in value.items()}
    return [mapped(v) for v in value] if isinstance(value, list) else value


def predictions(model, inputs):
    found = []
    # in order, as keras.tree sorts dictionaries
    for leaf in keras.tree.flatten(model(inputs, training=False)):
        values = np.asarray(leaf)
        found.append({"dtype": str(values.dtype), "shape": list(values.shape), "data": values.ravel().tolist()})
    return found


def save_again(model, path):
    """As Keras writes it. Not all that it writes into .h5 files can it read: ops are not marked there."""
    model.save(path)
    if path.suffix == ".h5" and not all(isinstance(part, keras.Layer) for part in getattr(model, "operations", ())):
        path.unlink()


def main(folder):
    (folder / "again").mkdir()
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".keras", ".h5"):
            continue
        described = json.loads((folder / f"{path.name}.json").read_text())
        try:
            model = keras.saving.load_model(path, compile=described["compile"])
            save_again(model, folder / "again" / path.name)
            answer = {"outputs": predictions(model, mapped(described["inputs"]))}
            if described["compile"]:
                answer["optimizer"] = type(model.optimizer).__name__
        except Exception:
            answer = {"error": traceback.format_exc()}
        (folder / f"{path.name}.answer.json").write_text(json.dumps(answer))


main(Path(sys.argv[1]))
