"""Host scalars: the glue computes them in JavaScript as NumPy does."""

import itertools
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import weblayers.graph.build  # noqa: F401  (which fills the table)
from weblayers.graph.node import DTYPES
from weblayers.graph.registry import PRIMITIVES

GLUE = Path(__file__).parents[2] / "js_glue" / "scalars.js"
VALUES = [0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.0, 40.0, -40.0, float("inf"), float("-inf"), float("nan")]
# evaluated from a list of argument lists; JSON has no NaN, and its numbers cannot be infinite
SCRIPT = """
import { OPERATIONS } from %s;
const number = (x) => Number(x);
let text = "";
for await (const chunk of process.stdin) text += chunk;
const calls = JSON.parse(text);
const names = Object.keys(OPERATIONS);
const values = calls.map(([name, ...args]) => String(OPERATIONS[name]?.(...args.map(number))));
console.log(JSON.stringify({ names, values }));
"""


def glue(calls):
    script = SCRIPT % json.dumps(GLUE.as_uri())
    command = ["node", "--input-type=module", "--eval", script]
    done = subprocess.run(command, input=json.dumps(calls), capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def host_primitives():
    """Each host primitive with its parameters, by the name that a plan has for it."""
    found = {name: (prim, {}) for name, prim in PRIMITIVES.items() if prim.host and name not in ("scalar", "constant")}
    cast, _ = found.pop("cast")
    return found | {f"cast_{dtype}": (cast, {"dtype": dtype}) for dtype in DTYPES}


def arity(prim):
    return next(n for n in (1, 2, 3) if accepts(prim, n))


def accepts(prim, n):
    try:
        prim.numpy(*[np.asarray(1.0)] * n, **({"dtype": "int32"} if prim.name == "cast" else {}))
    except (TypeError, ValueError):
        return False
    return True


def test_the_glue_knows_every_host_primitive_and_no_other():
    assert sorted(glue([])["names"]) == sorted(host_primitives())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_glue_computes_as_numpy_does():
    expected, calls = [], []
    for name, (prim, params) in sorted(host_primitives().items()):
        for values in itertools.product(VALUES, repeat=arity(prim)):
            if not is_defined(name, values):
                continue
            expected.append(float(prim.numpy(*[np.asarray(v) for v in values], **params)))
            calls.append([name, *map(str_of, values)])
    got = [float({"true": "1", "false": "0"}.get(v, v).replace("Infinity", "inf")) for v in glue(calls)["values"]]
    wrong = [
        (call, mine, theirs)
        for call, mine, theirs in zip(calls, got, expected, strict=True)
        if mine != pytest.approx(theirs, rel=1e-13, nan_ok=True)
    ]
    assert wrong == []


def is_defined(name, values):
    """Whether there is one answer: integers have no infinities, and NumPy takes the power of 0.5 for a square root."""
    if name.startswith("cast_"):
        return bool(np.isfinite(values).all()) and (name != "cast_uint8" or min(values) >= 0)
    return (name, values) != ("pow", (float("-inf"), 0.5))


def str_of(value):
    return str(value).replace("inf", "Infinity").replace("nan", "NaN")
