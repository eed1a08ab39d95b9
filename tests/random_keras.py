"""Random models in Keras 3 on JAX, by way of a file: both predict, take losses and train three steps from there.

Layers that Keras has not are left to the other random models; noise is off, where it can be.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import weblayers as wl
from tests.agreement import arrays, differences
from tests.departures import KERAS_KINKS, KERAS_OPTIMIZERS, KERAS_TRAINING
from tests.random_models import RandomModel

PEER = Path(__file__).parent / "peer" / "keras_random.py"
STEPS = 3
NOISE = ("rate", "dropout", "recurrent_dropout", "stddev")
# Keras sums in another order, and its own exponentials and products of matrices have errors of their own.
TOLERANCES = {"rtol": 2e-3, "atol": 5e-4}


def quiet(model):
    """Turn noise off; says whether that is all there is between one training and the other."""
    layers = model.flatten_layers()
    for layer in layers:
        for name in NOISE:
            if isinstance(getattr(layer, name, None), float):
                setattr(layer, name, 0.0)
    return not any(
        layer.class_name.startswith("Random") or layer.class_name in KERAS_TRAINING or is_held_at_kinks(layer)
        for layer in layers
    )


def is_held_at_kinks(layer):
    """Whether its kernel is kept from crossing 0, and regularized by what has no derivative there."""
    regularizer, constraint = (getattr(layer, f"kernel_{kind}", None) for kind in ("regularizer", "constraint"))
    return type(regularizer).__name__ in KERAS_KINKS and isinstance(constraint, wl.constraints.NonNeg)


def departs(optimizer):
    """Whether its steps are known to be others than Keras'; see KERAS_OPTIMIZERS."""
    parts = [optimizer, *getattr(optimizer, "optimizers", [])]
    return any(
        type(one).__name__ in KERAS_OPTIMIZERS or (isinstance(one, wl.optimizers.Momentum) and one.has_schedule)
        for one in parts
    )


class Case:
    """A random model in a file, and what comes of it here; None instead of a file where Keras has no such layers."""

    def __init__(self, seed, folder):
        self.seed, self.path = seed, folder / f"{seed}.keras"
        made = RandomModel(seed)
        self.model, self.described = made.model, str(made)
        self.trains = quiet(made.model) and not made.is_restless
        if departs(made.optimizer):
            made.model.compile(wl.optimizers.SGD(0.02, 0.9), made.losses)
        x, y = ([np.asarray(v) for v in part] for part in (made.x, made.y))
        self.x, self.y = (part if len(part) > 1 else part[0] for part in (x, y))
        self.inputs = dict(zip(made.model.input_names, x, strict=True))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            asyncio.run(self._save())
        # a class of the user's own, and one that departs, see KERAS_DEPARTURES
        self.is_known = made.begins_with not in ("Model", "RandomCrop")
        # in Keras it gives the very tensor that it was given, which is a circle behind any layer
        self.is_known &= not any(layer.class_name == "Equalization" for layer in made.model.flatten_layers())
        self.is_known &= not any("only weblayers will open" in str(w.message) for w in said)
        if not self.is_known:
            self.path.unlink()
            return
        self.seen = asyncio.run(self._run())
        np.savez(self.path.with_suffix(".npz"), *x, *y)
        given = {"inputs": len(x), "targets": len(y), "steps": STEPS if self.trains else 0}
        (folder / f"{seed}.keras.json").write_text(json.dumps(given))

    async def _save(self):
        await self.model.save(self.path, include_optimizer=True)

    async def _run(self):
        loss = self.model.evaluate(self.x, self.y, batch_size=len(next(iter(self.inputs.values()))))
        seen = {"loss": loss[0] if isinstance(loss, list) else loss}
        seen = {"loss": float(seen["loss"].numpy()), **self._predicted("before")}
        for step in range(STEPS if self.trains else 0):
            found = await self.model.train_on_batch(self.x, self.y)
            seen[f"loss of step {step}"] = found[0] if isinstance(found, list) else found
        return seen | (self._predicted("after") if self.trains else {})

    def _predicted(self, when):
        return {f"prediction {i} {when}": v for i, v in enumerate(arrays(self.model.predict(self.x)))}

    def failure(self):
        """What is different in Keras, in words, if anything is."""
        answer = dict(np.load(self.path.with_suffix(".answer.npz"), allow_pickle=False))
        if "error" in answer:
            return f"{self.described}\n  Keras: {answer['error']}"
        if not all(np.isfinite(v).all() for v in (*self.seen.values(), *answer.values())):
            return None
        found = differences({k: answer[k] for k in self.seen}, self.seen, **TOLERANCES)
        return "\n  ".join([self.described, *found[:6]]) if found else None


def failures(seeds):
    """Those seeds whose models are something else in Keras, with the differences; and how many were compared."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [case for case in (Case(seed, folder) for seed in seeds) if case.is_known]
        done = subprocess.run([sys.executable, PEER, folder], capture_output=True, text=True, timeout=900)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return {case.seed: why for case in cases if (why := case.failure())}, len(cases)


def check(seed):
    """Where a random model differs in Keras, in words; None where it does not, or where Keras has none."""
    return failures([seed])[0].get(seed)
