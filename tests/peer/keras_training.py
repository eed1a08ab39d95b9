"""Keras on the other side of a file with a training in it: goes on, saves, and goes on again.

For each ``name.keras`` of a folder there is data in ``name.json``. The answer has the losses of the next epochs, and of
those after the files in ``again`` were written, which is in both formats if it is asked for. ``name.h5`` is opened and
trained alone: Keras does not go on from a state in such files, not even from its own. Usage: keras_training.py FOLDER
"""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np


def losses(model, given):
    x, y = (np.array(given[k], np.float32) for k in ("x", "y"))
    history = model.fit(x, y, batch_size=given["batch_size"], epochs=2, shuffle=False, verbose=0)
    return history.history["loss"]


def main(folder):
    (folder / "again").mkdir()
    for path in sorted(folder.iterdir()):
        if path.suffix not in (".keras", ".h5"):
            continue
        given = json.loads((folder / f"{path.name}.json").read_text())
        try:
            with warnings.catch_warnings():
                # so it says that a state does not fit
                warnings.filterwarnings("error", message=".*Skipping variable loading")
                model = keras.saving.load_model(path)
            answer = {"steps": int(model.optimizer.iterations), "first": losses(model, given)}
            if path.suffix == ".keras":
                model.save(folder / "again" / path.name)
                if given["h5"]:
                    model.save(folder / "again" / f"{path.stem}.h5")
                answer["then"] = losses(keras.saving.load_model(folder / "again" / path.name), given)
        except Exception:
            answer = {"error": traceback.format_exc()}
        (folder / f"{path.name}.answer.json").write_text(json.dumps(answer))


main(Path(sys.argv[1]))
