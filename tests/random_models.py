"""Random models, trained for an epoch as plans and on NumPy.

A model's first layer goes by its seed: any so many seeds in a row as there are classes meet them all.
"""

import numpy as np

import weblayers as wl
from tests.agreement import differences, fitted, on
from tests.random_layers import Chance, begin, beginnings, flat, grown
from weblayers.optimizers import schedules

L = wl.layers

# Adam and its kin divide a gradient by its own size: where it is nothing but rounding, a whole step is. The larger
# epsilon makes steps of such gradients as small as they are.
_STEADY = {"epsilon": 1e-3}
OPTIMIZERS = {
    "adadelta": lambda c, rate: wl.train.adadelta(rate, epsilon=1e-3),
    "adagrad": lambda c, rate: wl.train.adagrad(rate),
    "adam": lambda c, rate: wl.train.adam(rate, amsgrad=c.happens(0.3), **_STEADY),
    "adamax": lambda c, rate: wl.train.adamax(rate, **_STEADY),
    "adamw": lambda c, rate: wl.optimizers.adamw(rate, **_STEADY),
    "ftrl": lambda c, rate: wl.optimizers.ftrl(rate, l1_regularization_strength=0.01),
    "momentum": lambda c, rate: wl.train.momentum(rate, 0.9, c.happens()),
    "nadam": lambda c, rate: wl.optimizers.nadam(rate, **_STEADY),
    "rmsprop": lambda c, rate: wl.train.rmsprop(rate, momentum=0.5, centered=c.happens(), **_STEADY),
    "sgd": lambda c, rate: wl.optimizers.SGD(rate, momentum=c.one_of((0, 0.9)), nesterov=c.happens()),
}
# Those made of others, which have the options.
COMPOSED = {
    "loss_scale_optimizer": lambda c, one: wl.optimizers.loss_scale_optimizer(one, 2.0 ** c.number(0, 12), 2),
    "multi_optimizer": lambda c, one: wl.optimizers.multi_optimizer(
        wl.optimizers.OptimizerMap(one, {".*/bias": wl.optimizers.SGD(0.02)})
    ),
}
# Those whose step is as long for the smallest gradient as for the largest: their rate is small enough for a step in a
# wrong direction to be no difference. Their slots show whether they were given the right gradient.
RESTLESS = {
    "adafactor": lambda c, rate: wl.optimizers.adafactor(1e-4, relative_step=False),
    "lamb": lambda c, rate: wl.optimizers.lamb(1e-4),
    "lion": lambda c, rate: wl.optimizers.lion(1e-4),
    "muon": lambda c, rate: wl.optimizers.muon(1e-4),
    "schedule_free_adamw": lambda c, rate: wl.optimizers.schedule_free_adamw(1e-4),
}
SCHEDULES = (
    lambda: schedules.ExponentialDecay(0.02, 2, 0.5),
    lambda: schedules.InverseTimeDecay(0.02, 2, 0.5, staircase=True),
    lambda: schedules.PolynomialDecay(0.02, 3),
    lambda: schedules.CosineDecay(0.01, 4, warmup_target=0.02, warmup_steps=2),
    lambda: schedules.CosineDecayRestarts(0.02, 2),
    lambda: schedules.PiecewiseConstantDecay([1, 2], [0.02, 0.01, 0.005]),
)
OPTIONS = (
    {"clipnorm": 0.5},
    {"global_clipnorm": 0.5},
    {"clipvalue": 0.05},
    {"weight_decay": 0.05},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 8.0},
)

# a loss with the activation and the targets that it goes with, and metrics of such targets
_REAL = (None, "reals", ("mae", "cosine", "R2Score", "RootMeanSquaredError"))
_SHARES = ("sigmoid", "bits", ("mse", "BinaryAccuracy", "Precision", "Recall", "AUC"))
_CLASSES = ("softmax", "classes", ("accuracy", "mse", "CategoricalCrossentropy"))
_NUMBERS = ("softmax", "numbers", ("accuracy", "SparseCategoricalAccuracy"))
_POSITIVE = ("softplus", "bits", ("mse", "mae"))
LOSSES = {
    "mse": _REAL,
    "mae": _REAL,
    "huber": _REAL,
    "LogCosh": _REAL,
    "CosineSimilarity": _REAL,
    "Hinge": _REAL,
    "SquaredHinge": _REAL,
    "MeanSquaredLogarithmicError": _POSITIVE,
    "Poisson": _POSITIVE,
    "binary_crossentropy": _SHARES,
    "BinaryFocalCrossentropy": _SHARES,
    "Dice": _SHARES,
    "Tversky": _SHARES,
    "categorical_crossentropy": _CLASSES,
    "CategoricalFocalCrossentropy": _CLASSES,
    "CategoricalHinge": _CLASSES,
    "KLDivergence": _CLASSES,
    "sparse_categorical_crossentropy": _NUMBERS,
}


def targets(chance, kind, count, width):
    if kind == "reals":
        return chance.rng.standard_normal((count, width), np.float32)
    if kind == "bits":
        return chance.rng.integers(0, 2, (count, width)).astype(np.float32)
    numbers = chance.rng.integers(0, width, count)
    return np.eye(width, dtype=np.float32)[numbers] if kind == "classes" else numbers.astype(np.float32)[:, None]


class RandomModel:
    """A model with what it is trained on and how, all of it by a seed."""

    def __init__(self, seed):
        chance = Chance(seed)
        names = sorted(beginnings())
        self.begins_with = names[seed % len(names)]
        # weights and noise are drawn by the seed as well
        wl.set_random_seed(seed)
        begun, wire = begin(self.begins_with, chance)
        wire = flat(chance, grown(chance, wire, chance.number(0, 3)))
        self.losses = [chance.one_of(list(LOSSES)) for _ in range(1 + chance.happens(0.25))]
        batch = chance.number(1, 6)
        samples = batch + chance.number(1, batch)  # two steps, of which the last may be of fewer samples
        outputs, self.y, metrics = [], [], []
        for i, loss in enumerate(self.losses):
            activation, kind, known = LOSSES[loss]
            head, width = grown(chance, wire, chance.number(0, 2)), chance.number(2, 4)
            outputs.append(L.dense(width, activation=activation or "linear", name=f"head_{i}").apply(head))
            self.y.append(targets(chance, kind, samples, width))
            metrics.append([m for m in known if chance.happens(0.3)])
        self.x = begun.samples(samples)
        self.fit = {"batch_size": batch}
        if chance.happens(0.25):
            self.fit["sample_weight"] = chance.rng.random(samples).astype(np.float32)
            if len(outputs) > 1:
                self.fit["sample_weight"] = [self.fit["sample_weight"]] * len(outputs)
        self.optimizer, self.is_restless = self._optimizer(chance)
        self.model = wl.model(inputs=begun.inputs, outputs=outputs)
        if len(outputs) > 1:
            self.model.compile(self.optimizer, self.losses, metrics, loss_weights=[1.0, 0.5])
        else:
            self.model.compile(self.optimizer, self.losses, metrics[0])

    def _optimizer(self, chance):
        made, is_restless = self._plain_optimizer(chance)
        return (chance.one_of(list(COMPOSED.values()))(chance, made) if chance.happens(0.15) else made), is_restless

    def _plain_optimizer(self, chance):
        name = chance.one_of([*OPTIMIZERS, *RESTLESS])
        made = {**OPTIMIZERS, **RESTLESS}[name](chance, 0.02)
        # the options are those of all optimizers: any may be configured anew with one of them
        config = made.get_config()
        if chance.happens(0.5):
            config |= chance.one_of(OPTIONS)
        if chance.happens(0.2) and name in OPTIMIZERS:
            return type(made)(**{**config, "learning_rate": chance.one_of(SCHEDULES)()}), False
        return type(made).from_config(config), name in RESTLESS

    def trained(self):
        """What there is to see of two steps."""
        x, y = (v if len(v) > 1 else v[0] for v in (self.x, self.y))
        return fitted(self.model, x, y, **self.fit)

    def __str__(self):
        layers = " ".join(f"{layer.class_name}{list(layer.output_shape or ())[1:]}" for layer in self.model.layers)
        options = {k: v for k, v in self.optimizer.get_config().items() if v is not None and k != "name"}
        weighted = ", sample weights" if "sample_weight" in self.fit else ""
        return (
            f"{layers}\n  {', '.join(self.losses)}; {type(self.optimizer).__name__} {options};"
            f" {len(self.x[0])} samples in batches of {self.fit['batch_size']}{weighted}"
        )


def check(seed):
    """Where the training of a random model differs between the backends, in words; None where it does not.

    Raises:
        Exception: what only one of them does.
    """
    made = []

    def run():
        made.append(RandomModel(seed))
        return made[-1].trained()

    wanted = on("numpy", run)
    found = differences(on("wasm", run), wanted, atol=1e-3 if made[0].is_restless else 3e-4)
    return "\n  ".join([str(made[0]), *found[:4]]) if found else None
