"""Ops in models of Keras, those too that it records for masks: read, written again, and opened by Keras."""

import asyncio
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

import weblayers as wl

PROGRAM = Path(__file__).parents[1] / "peer" / "keras_ops.py"


def keras(folder, word):
    done = subprocess.run([sys.executable, PROGRAM, folder, word], capture_output=True, text=True, timeout=500)
    assert not done.returncode, done.stderr
    return json.loads((folder / f"{word}.json").read_text())


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def test_ops_go_through_files_both_ways(tmp_path):
    failures = []
    for name, case in keras(tmp_path, "write").items():
        path = tmp_path / f"{name}.keras"
        try:
            model = run(lambda path=path: wl.load_layers_model(path))
            predicted = model.predict(np.array(case["x"], np.float32)).numpy().astype(np.float32)
            np.testing.assert_allclose(predicted, case["y"], rtol=2e-5, atol=2e-6)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run(lambda model=model, path=path: model.save(path))
        except (AssertionError, ValueError, TypeError, UserWarning) as error:
            failures.append(f"{name}: {error}")
    assert not failures, "\n".join(failures)
    before, after = json.loads((tmp_path / "write.json").read_text()), keras(tmp_path, "open")
    for name, case in before.items():
        np.testing.assert_allclose(after[name]["y"], case["y"], rtol=1e-5, atol=1e-6, err_msg=name)
