"""Promises that nobody awaits, and what is read of them before."""

import asyncio
import gc
import warnings

import numpy as np
import pytest

import weblayers as wl

X, Y = np.ones((2, 1), np.float32), np.zeros((2, 1), np.float32)


def model():
    made = wl.sequential([wl.layers.dense(1, input_shape=[1])])
    made.compile("sgd", "mse")
    return made


WAYS = {
    "fit": lambda made: made.fit(X, Y, verbose=0),
    "train_on_batch": lambda made: made.train_on_batch(X, Y),
    "evaluate_dataset": lambda made: made.evaluate_dataset([(X, Y)]),
    "predict": lambda made: made.predict(iter([X])),
    "save": lambda made: made.save(wl.io.with_save_handler(lambda artifacts: None)),
}


@pytest.mark.parametrize("start", WAYS.values(), ids=WAYS)
def test_a_promise_that_is_never_awaited_warns_when_it_is_collected(start):
    async def main():
        promise = start(model())
        await asyncio.sleep(0)
        with pytest.warns(RuntimeWarning, match=r"<\w*Promise: \w+> was never awaited: write `await`"):
            del promise
            gc.collect()

    asyncio.run(main())


@pytest.mark.parametrize("start", WAYS.values(), ids=WAYS)
def test_one_that_is_awaited_chained_or_cancelled_does_not(start):
    async def main():
        done = asyncio.Event()
        await start(model())
        start(model()).then(lambda _: done.set()).catch(print)
        await done.wait()
        start(model()).cancel()
        gc.collect()

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        asyncio.run(main())


def test_without_a_loop_the_work_is_done_at_once():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = model()
        made.fit(X, Y, verbose=0)
        gc.collect()
    assert made.history.epoch == [0]


def test_what_is_read_of_a_promise_says_await_it():
    async def main():
        promise = model().fit(X, Y, verbose=0)
        for read, error in (
            (lambda: promise.history, AttributeError),
            (lambda: promise["loss"], TypeError),
            (lambda: list(promise), TypeError),
            (lambda: float(promise), TypeError),
        ):
            with pytest.raises(error, match="await it"):
                read()
        assert (await promise).history["loss"]

    asyncio.run(main())
