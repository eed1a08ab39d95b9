"""Names of other libraries for what is called something else here."""

from __future__ import annotations

# By library: its name, as a path from its root, and ours.
NAMES: dict[str, dict[str, str]] = {
    "Keras": {
        "Layer": "wl.layers.Layer",
        "Loss": "wl.losses.Loss",
        "Metric": "wl.metrics.Metric",
        "Optimizer": "wl.optimizers.Optimizer",
        "load_model": "wl.load_layers_model",
        "models.load_model": "wl.load_layers_model",
        "utils.Sequence": "wl.data.generator, or anything that can be iterated over",
        "utils.PyDataset": "wl.data.generator, or anything that can be iterated over",
        "metrics.Metrics": "wl.metrics.Metric",
    },
    "TensorFlow": {
        "keras": "wl",
        "constant": "wl.tensor",
        "convert_to_tensor": "wl.tensor",
        "reduce_all": "wl.all",
        "reduce_any": "wl.any",
        "reduce_logsumexp": "wl.log_sum_exp",
        "reduce_max": "wl.max",
        "reduce_mean": "wl.mean",
        "reduce_min": "wl.min",
        "reduce_prod": "wl.prod",
        "reduce_sum": "wl.sum",
        "multiply": "wl.mul",
        "subtract": "wl.sub",
        "divide": "wl.div",
        "negative": "wl.neg",
        "linalg.matmul": "wl.mat_mul",
        "random": "wl.random_normal, wl.random_uniform and others",
        "nn": "wl.softmax, wl.conv2d and others",
    },
    "NumPy": {
        "arange": "wl.range",
        "array": "wl.tensor",
        "clip": "wl.clip_by_value",
        "concatenate": "wl.concat",
        "full": "wl.fill",
        "matmul": "wl.mat_mul",
        "argmax": "wl.arg_max",
        "argmin": "wl.arg_min",
        "power": "wl.pow",
    },
}
# Arguments under other names.
ARGUMENTS = {
    "lr": "learning_rate",
    "nb_epoch": "epochs",
    "output_dim": "units",
    "init": "kernel_initializer",
}


def named(path: str) -> str:
    """What another library's name, from the root of the package, is called here; empty if nobody calls it so."""
    return next((f"{lib}'s `{path}` is `{names[path]}`." for lib, names in NAMES.items() if path in names), "")
