"""Data sets that are used up: training ends with a warning and keeps its history, and no epoch is without batches."""

import asyncio
import warnings

import numpy as np
import pytest

import weblayers as wl

ONES, ZEROS = np.ones((2, 1), np.float32), np.zeros((2, 1), np.float32)

pytestmark = pytest.mark.usefixtures("backend")


def model():
    made = wl.sequential([wl.layers.dense(1, input_shape=[1], kernel_initializer="ones")])
    made.compile(wl.train.sgd(0.0), "mse")
    return made


def pairs(count):
    for _ in range(count):
        yield ONES, ZEROS


async def pairs_later(count):
    for pair in pairs(count):
        await asyncio.sleep(0)
        yield pair


class Worn:
    """A data set that has fewer batches in each pass."""

    def __init__(self, *passes):
        self.passes = list(passes)

    async def __aiter__(self):
        for pair in pairs(self.passes.pop(0) if self.passes else 0):
            yield pair


class Hooks(wl.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.calls = []

    def on_epoch_begin(self, epoch, logs):
        self.calls.append(f"begin {epoch}")

    def on_batch_end(self, batch, logs):
        self.calls.append("batch")

    def on_epoch_end(self, epoch, logs):
        self.calls.append(f"end {epoch}")

    def on_train_end(self, logs):
        self.calls.append("done")


def fit(made, dataset, **options):
    async def main():
        return await made.fit(dataset, **{"verbose": 0, **options})

    return asyncio.run(main())


@pytest.mark.parametrize("make", [pairs, pairs_later, lambda count: Worn(count)])
def test_a_generator_used_up_ends_training_and_keeps_the_history(make):
    hooks = Hooks()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = fit(model(), make(3), epochs=4, callbacks=hooks)
    assert history.history == {"loss": [1.0]} and history.epoch == [0]
    assert hooks.calls == ["begin 0", "batch", "batch", "batch", "end 0", "done"]


@pytest.mark.parametrize("make", [pairs, pairs_later])
@pytest.mark.parametrize("count, ran, batches", [(4, 2, 4), (3, 2, 3), (5, 3, 5)])
def test_epochs_of_a_given_length_end_with_the_data(make, count, ran, batches):
    hooks = Hooks()
    with pytest.warns(UserWarning, match="ran out of data"):
        history = fit(model(), make(count), epochs=9, steps_per_epoch=2, callbacks=hooks)
    assert history.history == {"loss": [1.0] * ran}
    assert hooks.calls.count("batch") == batches and hooks.calls.count(f"begin {ran}") == 0


def test_one_pass_that_is_asked_for_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(model(), pairs(3), epochs=1).epoch == [0]
        assert fit(model(), pairs(4), epochs=2, steps_per_epoch=2).epoch == [0, 1]
        assert fit(model(), [(ONES, ZEROS)].__iter__(), initial_epoch=4, epochs=5).epoch == [4]


def test_validation_data_that_are_used_up_are_left_out_of_the_logs():
    with pytest.warns(UserWarning, match="validation ran out of data"):
        history = fit(model(), [(ONES, ZEROS)].__iter__(), epochs=1, validation_data=pairs(2))
        history = asyncio.run(_validated(pairs(2)))
    assert history == {"val_loss": [1.0], "loss": [1.0] * 3}


async def _validated(data):
    return (await model().fit(ONES, ZEROS, epochs=3, validation_data=data, verbose=0)).history


@pytest.mark.parametrize("make", [pairs, pairs_later])
def test_a_data_set_without_batches_is_an_error(make):
    made = model()
    for use in (
        lambda: fit(made, make(0)),
        lambda: asyncio.run(_awaited(lambda: made.evaluate_dataset(make(0)))),
        lambda: asyncio.run(_validated(make(0))),
    ):
        with pytest.raises(ValueError, match="no batches"):
            use()
    assert fit(made, make(1)).epoch == [0]


async def _awaited(start):
    return await start()


def test_an_error_in_a_later_epoch_leaves_the_history_with_the_model():
    def failing():
        yield from pairs(2)
        raise OSError("no more disk")

    made = model()
    with pytest.raises(OSError, match="no more disk"):
        fit(made, failing(), steps_per_epoch=1, epochs=4)
    assert made.history.history == {"loss": [1.0, 1.0]}
