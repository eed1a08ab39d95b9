"""Keras on the other side of random models: predicts, takes the loss, and trains from there.

For each ``name.keras`` of a folder there are ``name.npz`` with inputs and targets, and ``name.keras.json`` with how
many of each there are, and how many steps to train. Usage: keras_random.py FOLDER
"""

import json
import os
import sys
import traceback
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
# each model is compiled for a handful of runs
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"

import keras
import numpy as np


def predicted(model, x, when):
    return {f"prediction {i} {when}": v for i, v in enumerate(keras.tree.flatten(model.predict_on_batch(x)))}


def run(path, given):
    arrays = list(np.load(path.with_suffix(".npz")).values())
    model = keras.saving.load_model(path)
    names = [model.inputs[0].name] if given["inputs"] == 1 else [x.name for x in model.inputs]
    x, y = arrays[: given["inputs"]], arrays[given["inputs"] :]
    x, y = (part if len(part) > 1 else part[0] for part in (x, y))
    assert len(names) == given["inputs"]
    loss = model.evaluate(x, y, batch_size=len(arrays[0]), verbose=0, return_dict=True)["loss"]
    seen = {"loss": loss, **predicted(model, x, "before")}
    for step in range(given["steps"]):
        seen[f"loss of step {step}"] = model.train_on_batch(x, y, return_dict=True)["loss"]
        # each call says the mean of all since the last reset
        model.reset_metrics()
    return seen | (predicted(model, x, "after") if given["steps"] else {})


def main(folder):
    warnings.simplefilter("ignore")
    for path in sorted(folder.glob("*.keras")):
        given = json.loads((folder / f"{path.name}.json").read_text())
        try:
            answer = run(path, given)
        except Exception:
            answer = {"error": np.array(traceback.format_exc()[-1500:])}
        np.savez(path.with_suffix(".answer.npz"), **answer)


main(Path(sys.argv[1]))
