"""The browser takes WebGL's context away in the middle of something, and gives it back or not."""

import numpy as np
import pytest

# Seeded moments: how many of each kind a browser is asked for.
MOMENTS = {"chromium": 20}
FEW = 6

PROGRAM = """
import asyncio, random, warnings
import numpy as np
import weblayers as wl
from pyodide.ffi import create_proxy
from pyodide.code import run_js
from weblayers.runtime import device

warnings.simplefilter("ignore")
L = wl.layers
rng = np.random.default_rng(0)
x = rng.random((32, 6), np.float32)
y = (x @ rng.random((6, 1), np.float32)).astype("f")

def model():
    wl.set_random_seed(0)
    made = wl.sequential([L.dense(1, input_shape=[6])])
    made.compile(wl.train.momentum(0.02, 0.9), "mse")
    return made

# methods of the glue after whose n-th call the context goes
counted = run_js('''(device) => {
    const state = { calls: 0, at: Infinity, lost: false, extension: device.gl.getExtension("WEBGL_lose_context") };
    const methods = ["loadPlan", "planReady", "upload", "alloc", "run", "repeat", "read", "readSync", "train"];
    state.lose = () => { if (!state.lost) { state.lost = true; state.extension.loseContext(); } };
    const before = methods.map((name) => [name, device[name]]);
    for (const [name, method] of before) {
        device[name] = function (...args) {
            const made = method.apply(this, args);
            if (++state.calls >= state.at) state.lose();
            return made;
        };
    }
    // and anywhere in training
    const issue = device.executor.draw;
    device.executor.draw = function (...args) {
        const made = issue.apply(this, args);
        if (++state.calls >= state.at) state.lose();
        return made;
    };
    state.mend = () => {
        for (const [name, method] of before) device[name] = method;
        device.executor.draw = issue;
    };
    return state;
}''')

async def program():
    made, told = model(), []
    history = await made.fit(
        x, y, batch_size=8, epochs=4, shuffle=False, verbose=0,
        callbacks={"onBatchEnd": lambda batch, logs: told.append(batch)},
    )
    trained = [w.tolist() for w in [await w.data() for w in made.weights]]
    # of several batches, whatever comes after them
    predicted, tested = made.predict(x, batch_size=8), made.evaluate(x, y, batch_size=4)
    made.predict(x)
    predicted, tested = [(await t.data()).tolist() for t in (predicted, tested)]
    saved = []
    await made.save(wl.io.with_save_handler(lambda a: saved.append(len(a.weight_data))))
    await made.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    again = [w.tolist() for w in [await w.data() for w in made.weights]]
    assert told == list(range(4)) * 4, told
    return [*trained, predicted, tested, *again, history.history["loss"], saved]

backends = device._backends
# where nothing else was asked for, every plan is one for the GPU
backends._chosen = lambda home, graph, trains: device.Choice(backends.tried("webgl") or home, "all is for the GPU")

async def losing(at, back, asked):
    wl.set_backend("webgl")
    wl.set_backend(asked)
    glue = backends.started["webgl"].device._glue
    state = counted(glue)
    state.at = at
    task = asyncio.ensure_future(program())
    try:
        while back and not state.lost and not task.done():
            await asyncio.sleep(0.005)
        if back and state.lost:
            await asyncio.sleep(0.05)
            state.extension.restoreContext()
        return await task, state.calls, state.lost
    finally:
        state.mend()
        for _ in range(1000):
            if "webgl" in backends.started:
                break
            if glue.gl.isContextLost():
                # before the page has heard of the loss this does nothing
                state.extension.restoreContext()
            await asyncio.sleep(0.02)
"""


@pytest.mark.parametrize("asked", ["webgl", "auto"])
@pytest.mark.parametrize("back", [True, False], ids=["given back", "kept"])
def test_a_program_does_not_notice_that_the_context_is_lost(browser, back, asked):
    count = MOMENTS.get(browser.name, FEW) // (2 if asked == "webgl" else 4)
    expected, found = browser.run_python(
        PROGRAM
        + """
try:
    expected, _, _ = await losing(float("inf"), back, asked)
    # what is compiled already takes fewer
    _, calls, _ = await losing(float("inf"), back, asked)
    chosen = random.Random(int(back))
    found = []
    for at in sorted(chosen.sample(range(1, calls * 7 // 10), count)):
        values, _, lost = await losing(at, back, asked)
        found.append([at, lost, wl.get_backend(), values])
finally:
    # others share the page
    wl.set_backend("auto")
    del backends._chosen
[expected, found]
""",
        back=back,
        asked=asked,
        count=count,
        timeout=120,
    )
    for at, lost, backend, values in found:
        assert lost and backend in {"webgl": ("webgl",), "auto": ("webgl", "wasm")}[asked], (at, backend)
        for a, b in zip(values, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5 if back else 1e-4, atol=1e-5 if back else 1e-4, err_msg=str(at))
