"""Random models, graphs and training steps for as long as is wanted: ``python -m tests.fuzz [SECONDS] [FIRST_SEED]``.

Each failure is printed with its seed, by which the ``check`` of its kind finds it again.
"""

import sys
import time
import traceback
import warnings

from tests import random_graphs, random_keras, random_models, random_updates
from weblayers.compiler import verify


def failure(check, seed):
    """What is wrong with a seed, in words, if anything is."""
    try:
        return check(seed)
    except Exception as error:
        *_, place = traceback.extract_tb(error.__traceback__)
        return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"


def one_by_one(check):
    return lambda seeds: {seed: why for seed in seeds if (why := failure(check, seed))}


KINDS = {
    "model": one_by_one(random_models.check),
    "graph": one_by_one(random_graphs.check),
    "updates": one_by_one(random_updates.check),
    # all of a turn in one process of Keras
    "model in Keras": lambda seeds: random_keras.failures(seeds)[0],
}
# so many of each in a turn: a model takes as long as some dozen graphs, and Keras as long to begin
TURN = {"model": 10, "graph": 150, "updates": 50, "model in Keras": 10}


def main(seconds=60.0, first=0):
    verify.enable()
    warnings.simplefilter("ignore")
    end, seeds, failures = time.monotonic() + seconds, dict.fromkeys(KINDS, first), 0
    while time.monotonic() < end:
        for kind, check in KINDS.items():
            for seed, why in check(range(seeds[kind], seeds[kind] + TURN[kind])).items():
                failures += 1
                print(f"{kind} {seed}: {why}", flush=True)
            seeds[kind] += TURN[kind]
    done = ", ".join(f"{kind} {first} to {seed - 1}" for kind, seed in seeds.items())
    print(f"{done}: {failures} failures")
    return failures


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(bool(main(*map(float, given[:1]), *map(int, given[1:2]))))
