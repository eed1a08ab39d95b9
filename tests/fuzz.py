"""Random models, graphs and training steps for as long as is wanted: ``python -m tests.fuzz [SECONDS] [FIRST_SEED]``.

Each failure is printed with its seed, by which ``tests/native/test_random.py`` finds it again.
"""

import sys
import time
import traceback
import warnings

from tests import random_graphs, random_models, random_updates
from weblayers.compiler import verify

KINDS = {"model": random_models.check, "graph": random_graphs.check, "updates": random_updates.check}
# so many of each in a turn: a model takes as long as some dozen graphs
TURN = {"model": 1, "graph": 15, "updates": 5}


def failure(check, seed):
    """What is wrong with a seed, in words, if anything is."""
    try:
        return check(seed)
    except Exception as error:
        *_, place = traceback.extract_tb(error.__traceback__)
        return f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"


def main(seconds=60.0, first=0):
    verify.enable()
    warnings.simplefilter("ignore")
    end, seeds, failures = time.monotonic() + seconds, dict.fromkeys(KINDS, first), 0
    while time.monotonic() < end:
        for kind, check in KINDS.items():
            for seed in range(seeds[kind], seeds[kind] + TURN[kind]):
                why = failure(check, seed)
                if why:
                    failures += 1
                    print(f"{kind} {seed}: {why}", flush=True)
            seeds[kind] += TURN[kind]
    done = ", ".join(f"{kind} {first} to {seed - 1}" for kind, seed in seeds.items())
    print(f"{done}: {failures} failures")
    return failures


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(bool(main(*map(float, given[:1]), *map(int, given[1:2]))))
