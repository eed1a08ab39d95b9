"""Keras 3 on the other side of a file.

python keras_models.py load FOLDER         predicts with each model there: NAME.(keras|h5) with NAME.npz, its inputs, or
                                           NAME.weights.h5, into a model saved beside it as NAME.json; predictions and
                                           errors go into answers.npz and errors.json
python keras_models.py operations FOLDER   saves a model of operations, with an input and its predictions
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "numpy")
import keras
import numpy as np
from keras import ops


def operations(folder):
    i = keras.Input((4, 6))
    a = i * 2.0 + 1.0
    c = ops.reshape(a[:, 1:3, ::2], (-1, 6))
    g = ops.softmax(ops.matmul(i, ops.transpose(i, (0, 2, 1))), axis=-1)
    stacked = ops.stack([ops.squeeze(ops.expand_dims(c, 1), 1), c], axis=1)
    outputs = [
        ops.mean(ops.concatenate([c, ops.exp(-c)], axis=-1), axis=-1, keepdims=True),
        ops.where(c > 0.5, c, 0.0),
        g / (1 + ops.sqrt(ops.abs(g))),
        ops.clip(stacked, 0.0, 1.0),
        ops.maximum(c, 0.3),
        ops.sum(i, axis=(1, 2)),
        1.0 - i**2,
        ops.cast(i > 0, "float32"),
        i[..., 0],
        ops.max(i, axis=1),
        ops.relu(i),
        ops.einsum("bij,bij->bi", i, i),
    ]
    model = keras.Model(i, outputs)
    model.save(folder / "operations.keras")
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    np.savez_compressed(folder / "operations.npz", x=x, **{f"y{n}": y for n, y in enumerate(predicted(model, [x]))})


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for v in value for leaf in leaves(v)] if isinstance(value, list | tuple) else [np.asarray(value)]


def predicted(model, inputs):
    return leaves(model(inputs[0] if len(inputs) == 1 else inputs, training=False))


def opened(path):
    if not path.name.endswith(".weights.h5"):
        return keras.saving.load_model(path)
    model = keras.models.model_from_json(path.with_name(path.name.replace(".weights.h5", ".json")).read_text())
    model.load_weights(path)
    return model


def load(folder):
    answers, errors = {}, {}
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".keras", ".h5")):
        inputs = np.load(path.with_name(path.name.split(".")[0] + ".npz"))
        try:
            model = opened(path)
            for n, y in enumerate(predicted(model, [inputs[f"x{i}"] for i in range(len(inputs))])):
                answers[f"{path.name}/{n}"] = y
            answers[f"{path.name}/compiled"] = np.array(getattr(model, "optimizer", None) is not None)
        except Exception as error:
            errors[path.name] = f"{type(error).__name__}: {error}"
    np.savez(folder / "answers.npz", **answers)
    (folder / "errors.json").write_text(json.dumps(errors))


{"load": load, "operations": operations}[sys.argv[1]](Path(sys.argv[2]))
