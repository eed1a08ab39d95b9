"""Keras on the other side of a page: makes files for one, and opens those that it has made.

Usage: keras_in_pages.py make|open FOLDER; what the models predict is in ``theirs.json`` and ``ours.json``.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

X = np.random.default_rng(1).random((6, 8, 8, 1)).astype(np.float32)


def network():
    L = keras.layers
    model = keras.Sequential(
        [
            L.Input([8, 8, 1]),
            L.Conv2D(3, 3, activation="relu", name="größe"),
            L.BatchNormalization(),
            L.Reshape([6, 18]),
            L.LSTM(5),
            L.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


def predicted(model):
    return {
        "predictions": np.asarray(model.predict(X, verbose=0)).tolist(),
        "weights": [np.asarray(w).tolist() for w in model.get_weights()],
        "steps": int(model.optimizer.iterations) if model.optimizer else None,
    }


def make(folder):
    model = network()
    model.fit(X, np.eye(2)[[0, 1, 0, 1, 1, 0]], epochs=3, batch_size=2, verbose=0)
    for name in ("theirs.keras", "theirs.weights.h5", "theirs.h5"):
        (model.save_weights if "weights" in name else model.save)(folder / name)
    (folder / "theirs.json").write_text(json.dumps({**predicted(model), "inputs": X.tolist()}))


def open_(folder):
    found = {name: predicted(keras.saving.load_model(folder / name)) for name in ("ours.keras", "ours.h5")}
    alone = network()
    alone.load_weights(folder / "ours.weights.h5")
    found["ours.weights.h5"] = predicted(alone)
    (folder / "ours.json").write_text(json.dumps(found))


{"make": make, "open": open_}[sys.argv[1]](Path(sys.argv[2]))
