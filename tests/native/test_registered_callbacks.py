"""Callbacks that every fit makes for itself."""

import asyncio

import pytest

import weblayers as wl
from weblayers.callbacks import base


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch):
    monkeypatch.setattr(base, "_constructors", [])


def fit(**options):
    model = wl.sequential([wl.layers.dense(1, input_shape=[2])])
    model.compile("sgd", "mse")

    async def main():
        await model.fit(wl.ones([4, 2]), wl.ones([4, 1]), epochs=2, **options)
        await model.train_on_batch(wl.ones([4, 2]), wl.ones([4, 1]))

    asyncio.run(main())


def test_by_verbosity(capsys):
    made = []

    class Counter(wl.Callback):
        def __init__(self):
            self.epochs = 0
            made.append(self)

        def on_epoch_end(self, epoch, logs):
            assert self.model.name and logs["loss"] > 0
            self.epochs += 1

    wl.registerCallbackConstructor(0, Counter)
    wl.register_callback_constructor(1, lambda: Counter())
    # once more is once
    wl.register_callback_constructor(0, Counter)
    fit(verbose=0)
    # a step on a batch is no fit
    assert [c.epochs for c in made] == [2]
    fit(verbose=1)
    assert [c.epochs for c in made] == [2, 2, 2]


def test_a_level_below_zero_is_refused():
    with pytest.raises(ValueError, match="-1"):
        wl.register_callback_constructor(-1, wl.Callback)
