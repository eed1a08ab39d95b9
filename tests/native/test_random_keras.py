"""Random models in Keras 3: their predictions, losses and three steps of training. ``./build.sh fuzz`` goes on."""

from tests import random_keras
from tests.random_layers import beginnings

# Spread over the classes that begin a model.
SEEDS = range(0, len(beginnings()), 6)


def test_models_are_the_same_in_keras():
    failures, compared = random_keras.failures(SEEDS)
    assert not failures, "\n".join(f"seed {seed}: {why}" for seed, why in failures.items())
    assert compared > len(SEEDS) / 2
