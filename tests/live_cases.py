"""What callbacks see of a model and may do to it while its steps run. Needs no files, so that pages can have it."""

import itertools

import numpy as np

import weblayers as wl

STEPS = 80
RNG = np.random.default_rng(0)
X = RNG.random((STEPS * 16, 4), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5], [3.0]], np.float32)).astype(np.float32)


def model():
    wl.set_random_seed(0)
    made = wl.sequential([wl.layers.dense(8, activation="tanh", input_shape=[4]), wl.layers.dense(1)])
    made.compile(wl.train.adam(0.02), "mse", metrics=["mae"])
    return made


async def fit(made, hook=None, x=X, y=Y, **options):
    callbacks = {} if hook is None else {"callbacks": {"on_batch_end": hook}}
    return await made.fit(x, y, **{"batch_size": 16, "verbose": 0, "shuffle": False, **callbacks, **options})


async def weights_are_those_of_now():
    """Predictions, steps and weights go on from batch to batch, and reading them changes nothing."""
    quiet, watched = model(), model()
    seen = []

    async def look(batch, logs):
        prediction = watched.predict(X[:2])
        kernel, steps = watched.weights[0].read(), watched.optimizer.iterations
        seen.append((steps, await kernel.data(), await prediction.data()))

    await fit(quiet)
    await fit(watched, look)
    steps = [s for s, *_ in seen]
    assert steps == sorted(steps) and steps[-1] == STEPS, steps
    assert len(set(steps)) > 2, steps
    for (s, kernel, prediction), (t, later, other) in itertools.pairwise(seen):
        assert (s == t) == np.array_equal(kernel, later) == np.array_equal(prediction, other)
    np.testing.assert_array_equal(await watched.weights[0].data(), await quiet.weights[0].data())
    assert watched.optimizer.iterations == STEPS


async def testing_does_not_disturb():
    """A model may be evaluated while it is trained."""
    quiet, watched = model(), model()
    losses = []

    async def test(batch, logs):
        if batch % 10 == 0:
            loss, _ = watched.evaluate(X[:64], Y[:64])
            losses.append((await loss.data())[0])

    expected = await fit(quiet, epochs=2)
    history = await fit(watched, test, epochs=2)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-6)
    assert losses[-1] < losses[0] / 2 and len(set(losses)) > 2


async def assigned_weights_count():
    """Weights clipped after every batch, as for a Wasserstein critic, end as they were clipped."""
    made = model()
    clipped = []

    async def clip(batch, logs):
        kernel = made.weights[0]
        values = np.clip((await kernel.data()).reshape(kernel.shape), -0.01, 0.01)
        kernel.assign(values)
        clipped.append(values)

    await fit(made, clip)
    assert len(clipped) == STEPS
    # the last batch's callback was the last to assign
    assert np.abs(await made.weights[0].data()).max() <= 0.01
    assert made.optimizer.iterations == STEPS


async def a_bad_step_takes_all_of_its_run_back():
    """Also where the weights had been looked at after its good steps."""
    made = model()
    await fit(made)
    before, steps = [await w.data() for w in made.weights], made.optimizer.iterations
    bad = Y.copy()
    bad[-1] = np.nan
    looks = []

    async def look(batch, logs):
        looks.append(made.optimizer.iterations)
        await made.weights[0].data()

    try:
        await fit(made, look, y=bad)
    except FloatingPointError as error:
        assert f"step {STEPS} of {STEPS}" in str(error), error
    else:
        raise AssertionError("no error")
    assert len(looks) > 0 and looks[0] > steps
    for weight, values in zip(made.weights, before, strict=True):
        np.testing.assert_array_equal(await weight.data(), values)
    await fit(made)


CASES = (
    weights_are_those_of_now,
    testing_does_not_disturb,
    assigned_weights_count,
    a_bad_step_takes_all_of_its_run_back,
)
