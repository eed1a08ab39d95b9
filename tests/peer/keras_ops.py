"""Keras' ops in functional models: writes a file for each with what it predicts, and opens what was made of them."""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np

K, L = keras.ops, keras.layers
ALONE = """
    zeros_like ones_like exp2 log2 log10 trunc arcsin arccos arctan arcsinh arctanh sinh cosh reciprocal isnan isinf
    isfinite abs silu softsign hard_silu tanh_shrink hard_tanh sparse_plus sparse_sigmoid gelu leaky_relu elu celu
    hard_shrink soft_shrink squareplus hard_sigmoid relu6 selu log_sigmoid stop_gradient copy normalize count_nonzero
    amax logsumexp average ravel flip
"""
OPS = {
    **{name: getattr(K, name) for name in ALONE.split()},
    "glu": lambda x: K.glu(x, axis=1),
    "var": lambda x: K.var(x, axis=1),
    "std": lambda x: K.std(x, axis=[0, 1], keepdims=True),
    "take": lambda x: K.take(x, [2, -1], axis=1),
    "repeat": lambda x: K.repeat(x, 2, axis=1),
    "roll": lambda x: K.roll(x, 1, axis=-1),
    "swap": lambda x: K.swapaxes(x, 1, 2),
    "move": lambda x: K.moveaxis(x, 1, -1),
    "split": lambda x: K.split(x, 2, axis=1)[1],
    "split at": lambda x: K.split(x, [1, 2], axis=2)[1],
    "pad": lambda x: K.pad(x, [[0, 0], [1, 2], [0, 1]]),
    "pad with": lambda x: K.pad(x, [[0, 0], [1, 2], [0, 1]], constant_values=3.0),
    "reflect": lambda x: K.pad(x, [[0, 0], [1, 1], [0, 1]], mode="reflect"),
    "tile": lambda x: K.tile(x, [1, 2, 1]),
    "full": lambda x: K.full_like(x, 3.0),
    "cumsum": lambda x: K.cumsum(x, axis=1),
    "sort": lambda x: K.sort(x, axis=-1),
    "hstack": lambda x: K.hstack([x, x]),
    "append": lambda x: K.append(x, x, axis=1),
    "hypot": lambda x: K.hypot(x, x + 1),
    "logaddexp": lambda x: K.logaddexp(x, x + 1),
    "atan2": lambda x: K.arctan2(x, x + 1),
    "floor": lambda x: K.cast(K.floor_divide(x * 9, 2), "float32"),
    "one_hot": lambda x: K.one_hot(K.cast(x * 4, "int32"), 5),
    "threshold": lambda x: K.threshold(x, 0.5, 0.1),
    "xor": lambda x: K.logical_xor(x > 0.3, x > 0.6),
    "mask": lambda x: K.any(
        K.logical_or(K.expand_dims(K.not_equal(x, 0), -1), K.zeros_like(x, dtype="bool")[..., None]), -1
    ),
}


def embedded(x, zero):
    return L.Embedding(6, 4, mask_zero=zero)(x)


MASKED = {
    "concatenate": lambda x: L.LSTM(2)(L.Concatenate()([embedded(x, True), embedded(x, False)])),
    "concatenate both": lambda x: L.LSTM(2)(L.Concatenate()([embedded(x, True), L.Masking()(embedded(x, False))])),
    "add": lambda x: L.GRU(2)(L.Add()([embedded(x, True), L.Masking()(embedded(x, False))])),
    "explicit": lambda x: L.LSTM(2)(embedded(x, False), mask=K.not_equal(x, 0)),
    "masked average": lambda x: L.GlobalAveragePooling1D()(L.Average()([embedded(x, True), embedded(x, True)])),
}

folder = Path(sys.argv[1])
rng = np.random.default_rng(0)
plain, ids = rng.random((2, 4, 3)).astype("float32") * 0.9 + 0.05, np.array([[1, 2, 0, 0], [0, 3, 0, 5]])
said = {}
for table, x in ((OPS, plain), (MASKED, ids)):
    for name, op in table.items():
        path = folder / f"{name}.keras"
        if sys.argv[2] == "write":
            given = keras.Input(x.shape[1:])
            model = keras.Model(given, op(given))
            model.save(path)
        else:
            model = keras.models.load_model(path)
        said[name] = {"x": x.tolist(), "y": np.asarray(model(x)).astype("float32").tolist()}
(folder / f"{sys.argv[2]}.json").write_text(json.dumps(said))
