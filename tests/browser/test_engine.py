"""The whole in real browsers: primitives on WebGL, the two programs, training without waiting, the fallback."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import OLDEST_PYODIDE, computing
from tests.golden import records
from tests.native.test_api import KERAS_PROGRAM, TFJS_PROGRAM

TESTS = Path(__file__).parents[1]
RECORD = TESTS.parents[0] / "build" / "responsiveness.json"

CASES_IN_THE_PAGE = """
import sys, types
import numpy as np
from weblayers.graph.evaluate import evaluate
from weblayers.graph.program import Graph
from weblayers.runtime import device

cases = types.ModuleType("cases")
sys.modules["cases"] = cases
exec(table, cases.__dict__)
runtime = device.current()
failures, count = [], 0
for case in cases.CASES[:: -(-len(cases.CASES) // most) if most else 1]:
    inputs, scalars, output = case.nodes()
    expected, = evaluate([output], dict(zip([*inputs, *scalars], [*case.arrays, *case.scalars])))
    executable = runtime.compile(Graph(inputs, scalars, [output]))
    try:
        stored, = executable.run([runtime.upload(a) for a in case.arrays], case.scalars)
        got = await runtime.read(stored)
        # GPUs may round differently in the last bits
        np.testing.assert_allclose(
            got.astype(float), expected.astype(float), rtol=max(2e-4, 5 * case.rtol), atol=max(2e-5, 5 * case.atol)
        )
    except Exception as error:
        failures.append(f"{case.name}: {error}")
    count += 1
[count, failures]
"""

MODELS = (TESTS / "models.py").read_text()
GOLDEN = (TESTS / "golden" / "__init__.py").read_text().replace("Path(__file__)", "Path()")


def every_primitive(browser, most=None):
    """All cases, or so many of them from all over the table."""
    table = (TESTS / "cases.py").read_text()
    count, failures = browser.run_python(CASES_IN_THE_PAGE, table=table, most=most, timeout=240)
    assert count > (most or 400) / 2
    assert not failures, "\n\n".join(failures[:10])


def test_every_primitive(browser, backend):
    # another Python draws with the same kernels by the same glue, and WebKitGTK by Firefox' rasterizer
    draws_alike = browser.distribution == OLDEST_PYODIDE or (browser.name == "webkit" and backend == "webgl")
    every_primitive(browser, most=150 if draws_alike else None)


def test_the_two_programs_letter_for_letter(browser):
    printed = browser.run_python(
        """
        import ast, asyncio, contextlib, inspect, io
        out, namespace = io.StringIO(), {}
        with contextlib.redirect_stdout(out):
            for program in programs:
                code = compile(program, "<program>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                await eval(code, namespace)
            for _ in range(200):
                if not out.getvalue().splitlines()[-1].startswith("Epoch"):
                    break
                await asyncio.sleep(0.02)
        [line for line in out.getvalue().splitlines() if not line.startswith("Epoch")]
        """,
        programs=[KERAS_PROGRAM, TFJS_PROGRAM],
    )
    assert printed[0] == "Tensor"
    assert abs(float(printed[1].strip(" []")) - 9) < 0.5
    assert 0 <= float(printed[-1]) < 0.5


@pytest.mark.parametrize("name", ["mlp_sgd", "mlp_adam"])
def test_recorded_trajectories(browser, backend, name):
    case = next(c for c in records()["trajectories"] if c["name"] == name)
    batch_losses, final = browser.run_python(
        """
        exec(golden)
        trained = model(case["model"], case["init"])
        trained.compile(case["name"].removeprefix("mlp_"), "meanSquaredError")
        losses = []
        epochs = len(case["history"]["loss"])
        x, y = array(case["x"]), array(case["y"])
        await trained.fit(
            x, y, epochs=epochs, batch_size=len(x) * epochs // len(case["batch_loss"]), shuffle=False, verbose=0,
            callbacks={"onBatchEnd": lambda batch, logs: losses.append(logs["loss"])},
        )
        [losses, [(await w.data()).tolist() for w in trained.get_weights()]]
        """,
        golden=GOLDEN,
        case=case,
    )
    np.testing.assert_allclose(batch_losses, case["batch_loss"], rtol=2e-4)
    for got, expected in zip(final, case["final"], strict=True):
        np.testing.assert_allclose(got, expected["data"], rtol=2e-3, atol=2e-5)


CONVOLUTIONAL_TRAINING = """
import numpy as np
import weblayers as wl
L = wl.layers
rng = np.random.default_rng(0)
x = rng.random((20, 12, 12, 1), np.float32)
y = rng.integers(0, 3, 20).astype(np.int32)

async def train():
    wl.set_random_seed(1)
    model = wl.sequential([
        L.conv2d(filters=8, kernel_size=3, activation="relu", input_shape=[12, 12, 1]),
        L.max_pooling2d(pool_size=2),
        L.conv2d(filters=5, kernel_size=3, padding="same", activation="tanh"),
        L.average_pooling2d(pool_size=2),
        L.dropout(rate=0.25),
        L.flatten(),
        L.dense(3, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    losses = []
    await model.fit(x, y, batch_size=8, epochs=3, verbose=0, validation_split=0.1,
                    callbacks={"onBatchEnd": lambda b, logs: losses.append(logs["loss"])})
    return losses

ours = await train()
wl.set_backend("numpy")
[ours, await train()]
"""


def test_a_convolutional_network_trains_as_on_numpy(browser, backend):
    """Batch by batch the same losses, with dropout's masks and a partial last batch."""
    ours, expected = browser.run_python(CONVOLUTIONAL_TRAINING)
    assert len(ours) == 9
    np.testing.assert_allclose(ours, expected, rtol=2e-3)


@pytest.fixture
def old_gpu(browser):
    """A page whose draws write no floats, as those of some phones; halves they may write."""
    if browser.pyodide_version.startswith("0."):
        pytest.skip("the glue is the same as with the newer Pyodide")
    browser.reload()
    browser.run_js("""
        const { prototype } = WebGL2RenderingContext, { getExtension, texStorage3D } = prototype;
        prototype.getExtension = function (name) {
          return name === "EXT_color_buffer_float" ? null : getExtension.call(this, name);
        };
        self.halfTextures = 0;
        prototype.texStorage3D = function (target, levels, format, ...size) {
          if (format === this.RGBA16F) self.halfTextures++;
          return texStorage3D.call(this, target, levels, format, ...size);
        };
    """)
    with computing(browser, "webgl"):
        yield
    if browser.is_running:
        browser.reload()


def test_a_gpu_whose_draws_write_no_floats(browser, old_gpu):
    """It computes with their bits, exactly as others do."""
    caps = browser.run_python("from weblayers.runtime import device\ndevice.current().device.caps()")
    # Firefox has halves only with floats
    assert [caps["floatTargets"], caps["halfTargets"]] == [False, browser.name != "firefox"]
    # of the others one rasterizer draws, which takes long to compile
    every_primitive(browser, most=100 if browser.name == "chromium" else 40)
    np.testing.assert_allclose(*browser.run_python(CONVOLUTIONAL_TRAINING), rtol=2e-3)
    half = "import weblayers as wl\nwl.mixed_precision.set_global_policy('mixed_float16')\nwl.set_backend('webgl')\n"
    assert browser.run_js("return self.halfTextures") == 0
    np.testing.assert_allclose(*browser.run_python(half + CONVOLUTIONAL_TRAINING), rtol=2e-2)
    assert (browser.run_js("return self.halfTextures") > 0) == caps["halfTargets"]


def test_repeated_fits_leave_nothing_behind(browser, backend):
    memories = browser.run_python(
        """
        exec(models)
        import numpy as np
        model = mlp(20, 16)
        x, y = np.random.rand(50, 20).astype("f"), np.eye(10, dtype="f")[np.arange(50) % 10]
        found = []
        for _ in range(4):
            await model.fit(x, y, epochs=2, batch_size=16, verbose=0)
            model.evaluate(x, y)
            model.predict(x)
            found.append(wl.memory())
        found
        """,
        models=MODELS,
    )
    for found in memories:
        # what is free depends on the moment at which a copy was made
        for name in ("gpu_pool_bytes", "gpu_pool_textures", "num_bytes_in_gpu_free", "wasm_pool_bytes"):
            found.pop(name, None)
    assert memories[1] == memories[2] == memories[3]
    assert memories[0]["num_tensors"] == memories[3]["num_tensors"]


def test_an_epoch_crosses_the_boundary_a_fixed_number_of_times(browser, backend):
    few, many = browser.run_python(
        """
        exec(models)
        import numpy as np
        from weblayers.runtime import device
        calls = []
        for steps in (10, 200):
            model = mlp(6, 4)
            x, y = np.random.rand(steps * 4, 6).astype("f"), np.eye(10, dtype="f")[np.arange(steps * 4) % 10]
            await model.fit(x, y, batch_size=4, verbose=0)
            before = device.current().counters()["calls"]
            await model.fit(x, y, batch_size=4, verbose=0)
            calls.append(device.current().counters()["calls"] - before)
        calls
        """,
        models=MODELS,
    )
    # copies for the case that the GPU is lost are made now and then, whatever the number of steps
    assert abs(few - many) < 10 and many < 60


def test_an_evaluation_crosses_the_boundary_as_often_whatever_the_number_of_batches(browser, backend):
    calls, plans = browser.run_python(
        """
        exec(models)
        import numpy as np
        from weblayers.runtime import device
        model, found = mlp(6, 4), []
        for batches in (1, 10, 300):
            x, y = np.random.rand(batches * 4, 6).astype("f"), np.eye(10, dtype="f")[np.arange(batches * 4) % 10]
            x, y = wl.tensor(x), wl.tensor(y)
            for _ in range(2):
                before = device.current().counters()
                await model.evaluate(x, y, batch_size=4)[0].data()
                after = device.current().counters()
            found.append([after[name] - before[name] for name in ("calls", "plansLoaded")])
        list(zip(*found))
        """,
        models=MODELS,
    )
    # copies for the case that the GPU is lost are made now and then, whatever the number of batches
    assert max(calls) - min(calls) < (1 if backend == "wasm" else 10) and max(calls) < 20
    assert plans == [0, 0, 0]


def test_the_page_lives_while_many_batches_are_awaited(browser, backend):
    """Timers and frames go on, and what is awaited is of the weights of then, whatever else is asked for."""
    same, late, other, lived, waits = browser.run_python(
        """
        exec(models)
        import numpy as np
        from pyodide.code import run_js
        from weblayers.runtime import device
        rng = np.random.default_rng(0)
        x, y = rng.random((samples, 28, 28, 1), np.float32), np.eye(10, dtype="f")[np.arange(samples) % 10]
        model, x, y = cnn(), wl.tensor(x), wl.tensor(y)

        def asked():
            return [*model.evaluate(x, y, batch_size=32), model.predict(x, batch_size=32)]

        async def read(tensors):
            return [(await t.data()).tolist() for t in tensors]

        expected = [t.data_sync().tolist() for t in asked()]
        before = device.current().counters()["syncWaits"]
        probe = run_js('''(() => {
            const probe = { ticks: 0, frames: 0 };
            probe.timer = setInterval(() => probe.ticks++, 1);
            const frame = () => { probe.frames++; probe.frame = requestAnimationFrame(frame); };
            frame();
            return probe;
        })()''')
        found = asked()
        model.set_weights([w * 0.5 for w in model.get_weights()])
        begun = [probe.ticks, probe.frames]
        values = await read(found)
        lived = [probe.ticks - begun[0], probe.frames - begun[1]]
        run_js("(p) => { clearInterval(p.timer); cancelAnimationFrame(p.frame); }")(probe)
        waits = device.current().counters()["syncWaits"] - before

        # a fit begins after all of it
        changed, found = await read(asked()), asked()
        await model.fit(x, y, batch_size=500, verbose=0)
        [values == expected, await read(found) == changed, changed != expected, lived, waits]
        """,
        models=MODELS,
        samples=6000 if backend == "wasm" else 2000,
        timeout=240,
    )
    assert same and late and other
    ticks, frames = lived
    assert ticks > 5 and frames > 2
    assert waits == 0


def test_the_page_lives_while_a_network_trains(browser, backend):
    """A timer ticks, no call waits for the GPU, and no task of the page is long once everything is compiled."""
    result = browser.run_python(
        """
        exec(models)
        import numpy as np
        from pyodide.code import run_js
        from weblayers.runtime import device
        model = cnn()
        x, y = np.random.rand(512, 28, 28, 1).astype("f"), np.eye(10, dtype="f")[np.arange(512) % 10]
        await model.fit(x, y, batch_size=64, verbose=0)
        before = device.current().counters()
        probe = run_js('''(() => {
            const probe = { ticks: 0, longest: 0, last: performance.now() };
            const channel = new MessageChannel();
            // a task that always waits its turn: the gap between two is the longest task between them
            channel.port1.onmessage = () => {
                const now = performance.now();
                probe.longest = Math.max(probe.longest, now - probe.last);
                probe.last = now;
                if (!probe.stopped) setTimeout(() => channel.port2.postMessage(0), 0);
            };
            channel.port2.postMessage(0);
            probe.timer = setInterval(() => probe.ticks++, 10);
            return probe;
        })()''')
        await model.fit(x, y, batch_size=64, epochs=3, verbose=0)
        run_js("(p) => { p.stopped = true; clearInterval(p.timer); }")(probe)
        after = device.current().counters()
        {
            "ticks": probe.ticks,
            "longest_gap_ms": probe.longest,
            "steps": after["steps"] - before["steps"],
            "sync_waits": after["syncWaits"] - before["syncWaits"],
            "link_waits": after["linkWaits"] - before["linkWaits"],
            "plans": after["plansLoaded"] - before["plansLoaded"],
        }
        """,
        models=MODELS,
        timeout=240,
    )
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    key = f"{browser.name}, Pyodide {browser.pyodide_version}, {backend}, main thread"
    RECORD.write_text(json.dumps({**known, key: result}, indent=2) + "\n")
    assert result["steps"] == 24
    assert result["sync_waits"] == 0
    assert result["ticks"] > 5
    assert result["longest_gap_ms"] < 100, result


def test_reading_waits_only_where_it_says_so(browser, webgl):
    waits, values = browser.run_python(
        """
        import weblayers as wl
        from weblayers.runtime import device
        t = wl.ones([2, 3]) * 2
        start = device.current().counters()["syncWaits"]
        values = await t.array()
        later = device.current().counters()["syncWaits"]
        (wl.ones([2]) + 1).numpy()
        [[later - start, device.current().counters()["syncWaits"] - later], values]
        """
    )
    assert waits == [0, 1]
    assert values == [[2, 2, 2], [2, 2, 2]]


def test_tensors_move_between_backends(browser, backend):
    assert browser.run_python(
        """
        import weblayers as wl
        t = wl.tensor2d([[1, 2], [3, 4]]) * 2
        wl.set_backend("numpy")
        on_numpy = (t + 1).array_sync()
        wl.set_backend(backend)
        [on_numpy, (t + 1).array_sync(), wl.get_backend()]
        """,
        backend=backend,
    ) == [[[3, 5], [7, 9]], [[3, 5], [7, 9]], backend]


def test_every_texel_of_the_largest_textures_is_found(browser, webgl):
    """Rows and columns of up to 16,384 texels, of sizes of which no float is the exact share."""
    wrong = browser.run_python(
        """
        import numpy as np
        import weblayers as wl
        wrong = []
        for n in (16384, 16383, 12289, 8191, 4099, 3):
            for shape in ((1, 4 * n), (2, 4 * n - 1), (4 * n, 1), (4 * n - 3, 5)):
                x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
                back = await (wl.tensor(x) * 2 + 1).data()
                turned = await wl.reverse(wl.tensor(x), [0, 1]).data()
                if not np.array_equal(back.reshape(shape), x * 2 + 1):
                    wrong.append(["in place", *shape])
                if not np.array_equal(turned.reshape(shape), x[::-1, ::-1]):
                    wrong.append(["reversed", *shape])
        wrong
        """
    )
    assert not wrong


def test_a_broken_shader_names_its_line(browser, webgl):
    message = browser.run_python(
        """
        from weblayers.compiler.lower import lower
        from weblayers.compiler.wire import serialize
        from weblayers.graph import build as b
        from weblayers.runtime import device
        x = b.input_node((2, 2), "float32")
        plan = lower([x], [], [x + 1.0])
        d = device.current().device
        id = d.load(serialize(plan).replace(b"void main() {", b"void main() ?"))
        try:
            await d.ready(id)
            message = ""
        except Exception as error:
            message = str(error)
        d.free_plan(id)
        message
        """
    )
    assert "does not compile" in message and "void main() ?" in message


def test_a_hundred_steps_are_the_same_whoever_makes_them(browser):
    if browser.name != "chromium" or browser.pyodide_version.startswith("0."):
        pytest.skip("long; the kernels are compared in every browser")
    names = ["mlp", "cnn", "lstm"]
    losses = browser.run_python(
        """
        exec(models)
        losses = [[await hundred_steps(name, b) for b in ("wasm", "webgl", "numpy")] for name in names]
        _ = wl.set_backend("auto")
        losses
        """,
        models=MODELS,
        names=names,
        timeout=240,
    )
    for by_wasm, by_webgl, by_numpy in losses:
        assert len(by_wasm) == 100
        np.testing.assert_allclose(by_wasm, by_numpy, rtol=1e-4)
        np.testing.assert_allclose(by_wasm, by_webgl, rtol=1e-4)


FALLBACKS = {
    "no WebGL2": ("() => null", "WebGL2 is not available"),
    "four draw buffers": (
        """function (original, kind, options) {
            const gl = original.call(this, kind, options);
            const getParameter = gl?.getParameter;
            if (gl) gl.getParameter = (name) => (name === gl.MAX_DRAW_BUFFERS ? 4 : getParameter.call(gl, name));
            return gl;
        }""",
        "writes 4 textures at a time",
    ),
    "nothing that can be read": (
        """function (original, kind, options) {
            const gl = original.call(this, kind, options);
            if (gl) gl.readPixels = () => {};
            return gl;
        }""",
        "webgl computes [0.0",
    ),
}


@pytest.mark.parametrize("how", FALLBACKS)
def test_without_the_gpu_the_same_program_runs_as_webassembly_and_says_so(browser, how):
    replacement, reason = FALLBACKS[how]
    result = browser.run_python(
        """
        import warnings
        import weblayers as wl
        from pyodide.code import run_js
        from weblayers.runtime import device
        restore = run_js('''(() => {
            const canvases = [globalThis.HTMLCanvasElement, globalThis.OffscreenCanvas].filter(Boolean);
            const prototypes = canvases.map((c) => c.prototype);
            const originals = prototypes.map((p) => p.getContext);
            const replacement = ''' + replacement + ''';
            prototypes.forEach((p, i) => {
                p.getContext = function (kind, options) {
                    return replacement.length ? replacement.call(this, originals[i], kind, options) : replacement();
                };
            });
            return () => prototypes.forEach((p, i) => (p.getContext = originals[i]));
        })()''')
        kept, small = device._backends, device.SMALL_WORK
        # as if the steps were large enough for a GPU
        device._backends, device.SMALL_WORK = device.Backends(), 0
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
                model.compile("sgd", "mse")
                history = await model.fit([[1.0], [2.0]], [[1.0], [3.0]], epochs=5, verbose=0)
                found = [wl.get_backend(), wl.why(), [str(w.message) for w in caught]]
                try:
                    wl.set_backend("webgl")
                except RuntimeError as error:
                    found.append(str(error))
        finally:
            restore()
            device._backends, device.SMALL_WORK = kept, small
        [*found, history.history["loss"]]
        """,
        replacement=replacement,
    )
    backend, why, warned, refused, loss = result
    assert backend == "wasm"
    assert reason in why and any(reason in w for w in warned) and reason in refused
    assert loss[-1] < loss[0]


def test_each_page_chooses_what_is_fastest_there(browser):
    """Software WebGL never; a fast GPU for what is large; WebAssembly for what is small, without asking the GPU."""
    small, software, fast, weights = browser.run_python(
        """
        import numpy as np
        import weblayers as wl
        from weblayers.runtime import device
        from weblayers.runtime.speed import Speed

        async def chosen(width):
            model = wl.sequential([wl.layers.dense(width, input_shape=[width]), wl.layers.dense(1)])
            model.compile("sgd", "mse")
            x = np.random.default_rng(0).random((64, width), np.float32)
            await model.fit(x, x[:, :1], epochs=2, batch_size=64, verbose=0)
            evaluated = model.evaluate(x, x[:, :1])
            return [wl.get_backend(), wl.why(), model.weights[0].runtime.name, float(evaluated.numpy())]

        kept = device._backends
        backends = device._backends = device.Backends()
        try:
            small = [*await chosen(4), "webgl" in backends.started]
            software = await chosen(512)
            # as if the same context were a GPU's
            gpu, home = backends.start("webgl"), backends.home()
            backends._speeds = {gpu: Speed(0.01, 1e-9), home: Speed(0.001, 1e-6)}
            caps = gpu.device.caps
            gpu.device.caps = lambda: {**caps(), "renderer": "A fast GPU"}
            fast = await chosen(512)
            weights = (await chosen(4))[2]
        finally:
            device._backends = kept
        [small, software, fast, weights]
        """
    )
    assert small[0] == small[2] == "wasm" and "small" in small[1] and not small[4]
    # WebKit does not tell who renders: there it is measured
    told = "estimated" if browser.name == "webkit" else "software"
    assert software[0] == software[2] == "wasm" and told in software[1]
    assert fast[0] == fast[2] == "webgl" and "A fast GPU" in fast[1]
    assert weights == "wasm"
    assert np.isfinite([small[3], software[3], fast[3]]).all()
