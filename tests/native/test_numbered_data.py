"""Data that give batches by their numbers, as Keras' PyDataset, and results by name."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

pytestmark = pytest.mark.usefixtures("backend")
X = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
Y = np.ones((7, 2), np.float32)


class Batches:
    """Three batches; it never raises an IndexError."""

    def __init__(self):
        self.asked, self.epochs = [], 0

    def __len__(self):
        return 3

    def __getitem__(self, i):
        self.asked.append(i)
        part = slice(i * 3, i * 3 + 3)
        return X[part], Y[part]

    def on_epoch_end(self):
        self.epochs += 1


class Counted(Batches):
    __len__ = None
    num_batches = 2


def made():
    model = wl.sequential([wl.layers.dense(2, input_shape=[4])])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def test_fit_evaluate_and_predict():
    model, data, checked = made(), Batches(), Batches()
    history = run(lambda: model.fit(data, epochs=2, verbose=0, validation_data=checked))
    assert data.asked == [0, 1, 2] * 2 and data.epochs == checked.epochs == 2
    assert history.params["steps"] == 3 and len(history.history["val_mae"]) == 2
    np.testing.assert_allclose(
        [float(v) for v in run(lambda: model.evaluate(data))], [float(v) for v in model.evaluate(X, Y)], rtol=1e-5
    )
    np.testing.assert_allclose(run(lambda: model.predict(data)).numpy(), model.predict(X).numpy(), rtol=1e-5)


def test_a_number_of_batches():
    data = Counted()
    run(lambda: made().fit(data, verbose=0))
    assert data.asked == [0, 1]


def test_results_by_name():
    model = made()
    values = dict(zip(["loss", "mae"], map(float, model.evaluate(X, Y)), strict=True))
    for found in (
        model.evaluate(X, Y, return_dict=True),
        run(lambda: model.evaluate(Batches(), return_dict=True)),
        run(lambda: model.test_on_batch(X, Y, return_dict=True)),
        run(lambda: model.train_on_batch(X, Y, return_dict=True)),
    ):
        assert {name: float(v) for name, v in found.items()} == pytest.approx(values, rel=1e-5)


def test_a_base_class_as_in_keras():
    class Own(wl.utils.PyDataset):
        def __init__(self, **options):
            super().__init__(**options)
            self.told = []

        def __len__(self):
            return 2

        def __getitem__(self, index):
            self.told.append(index)
            return X[index * 3 : index * 3 + 3], Y[:3]

        def on_epoch_begin(self):
            self.told.append("begin")

        def on_epoch_end(self):
            self.told.append("end")

    data = Own(workers=4, use_multiprocessing=True)
    run(lambda: made().fit(data, epochs=2, verbose=0))
    assert data.told == ["begin", 0, 1, "end"] * 2 and data.num_batches == 2
    with pytest.raises(NotImplementedError, match="PyDataset does not say how many batches there are"):
        run(lambda: made().fit(wl.utils.PyDataset(), verbose=0))
