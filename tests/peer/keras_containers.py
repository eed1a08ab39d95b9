"""Keras on models whose layers lie in containers: it writes weights of its own, and says what it reads of ours."""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np

from tests.contained import models


def functional(function):
    x = keras.Input((4,))
    return keras.Model(x, function(x))


folder = Path(sys.argv[1])
x = np.load(folder / "x.npy")
for name, model in models(keras, functional).items():
    np.save(folder / f"{name}.keras.npy", model(x))
    model.save_weights(folder / f"{name}.keras.weights.h5")
    model.load_weights(folder / f"{name}.ours.weights.h5")
    np.save(folder / f"{name}.read.npy", model(x))
