"""Bad input: each mistake is a Python exception that says what and where, and none of them hurts the model."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.runtime import device
from weblayers.runtime.plans import PlanRuntime
from weblayers.runtime.soft_device import SoftDevice

XS = np.array([[1], [2], [3], [4]], np.float32)
YS = 2 * XS - 1


def make_model(**compile_arguments):
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1], name="only")])
    model.compile(**{"optimizer": "sgd", "loss": "mean_squared_error", **compile_arguments})
    return model


def fit(model, x=XS, y=YS, **options):
    async def main():
        return await model.fit(x, y, **{"verbose": 0, **options})

    return asyncio.run(main())


def classifier():
    model = wl.sequential([wl.layers.dense(units=3, activation="softmax", input_shape=[2])])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


FIT_MISTAKES = {
    "input width": (dict(x=np.zeros((4, 3))), ValueError, r"expected it to have shape \[null,1\].*\[4,3\]"),
    "input rank": (dict(x=np.zeros((4, 1, 1))), ValueError, r"2 dimension.*\[4,1,1\]"),
    "target width": (dict(y=np.zeros((4, 2))), ValueError, r"target.*\[null,1\].*\[4,2\]"),
    "sample counts": (dict(y=YS[:3]), ValueError, r"4 input sample\(s\) and 3 target sample\(s\)"),
    "no samples": (dict(x=XS[:0], y=YS[:0]), ValueError, "no samples"),
    "text": (dict(x=[["a"], ["b"], ["c"], ["d"]]), TypeError, "expected numbers"),
    "ragged lists": (dict(x=[[1], [2, 3], [4], [5]]), ValueError, "same length"),
    "batch size": (dict(batch_size=0), ValueError, "batch_size to be a positive integer, but got 0"),
    "epochs": (dict(epochs=1.5), ValueError, "epochs to be a positive integer, but got 1.5"),
    "unknown option": (dict(epoch=3), TypeError, "'epoch'.*Did you mean 'epochs'"),
    "validation split": (dict(validation_split=1.5), ValueError, "between 0 and 1"),
    "validation data": (dict(validation_data=(XS,)), ValueError, "inputs and targets.*got 1"),
    "unknown hook": (dict(callbacks={"onEpochEnds": print}), ValueError, "onEpochEnds.*Did you mean 'on_epoch_end'"),
    "hook that is no function": (dict(callbacks={"onEpochEnd": 3}), TypeError, "onEpochEnd.*function"),
}


@pytest.mark.parametrize("arguments, kind, message", FIT_MISTAKES.values(), ids=FIT_MISTAKES)
def test_fit_refuses_and_the_model_trains_on(arguments, kind, message):
    model = make_model()
    before = [w.numpy() for w in model.get_weights()]
    with pytest.raises(kind, match=message):
        fit(model, **arguments)
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now.numpy())
    losses = fit(model, epochs=20).history["loss"]
    assert losses[-1] < losses[0]


BUILDING_MISTAKES = {
    "layer argument": (lambda: wl.layers.dense(unit=3), TypeError, "Dense.*'unit'.*Did you mean 'units'"),
    "configuration key": (lambda: wl.layers.dense({"units": 1, "actvation": "relu"}), TypeError, "activation"),
    "missing argument": (lambda: wl.layers.dense(), TypeError, "Dense: missing.*'units'"),
    "units": (lambda: wl.layers.dense(units=0), ValueError, "units to be a positive integer, but got 0"),
    "activation": (lambda: wl.layers.dense(1, activation="rely"), ValueError, "activation: 'rely'.*'relu'"),
    "padding": (lambda: wl.layers.conv2d(1, 3, padding="SAME"), ValueError, "'SAME' is not a valid padding"),
    "rate": (lambda: wl.layers.dropout(rate=2), ValueError, "between 0 and 1, got 2"),
    "layer name": (lambda: wl.layers.dens(units=1), AttributeError, "dens.*'dense'"),
    "module attribute": (lambda: wl.sequentail(), AttributeError, "'sequential'"),
    "model attribute": (lambda: make_model().sumary(), AttributeError, "'summary'"),
    "loss": (lambda: make_model(loss="mean_squared_eror"), ValueError, "'mean_squared_error'"),
    "optimizer": (lambda: make_model(optimizer="adm"), ValueError, "'adam'"),
    "metric": (lambda: make_model(metrics=["acuracy"]), ValueError, "'accuracy'"),
    "no loss": (lambda: make_model(loss=None), ValueError, "needs a loss"),
    "first layer": (
        lambda: wl.sequential([wl.layers.dense(1)]).to_json(),
        ValueError,
        "give the first layer input_shape",
    ),
    "rank of a layer": (
        lambda: wl.sequential([wl.layers.flatten(input_shape=[4]), wl.layers.conv2d(1, 3)]),
        ValueError,
        "expected ndim=4, found ndim=2",
    ),
    "kernel too large": (
        lambda: wl.sequential([wl.layers.conv2d(1, 5, input_shape=[3, 3, 1])]),
        ValueError,
        r"kernel \[5, 5\] is larger",
    ),
    "equal names": (
        lambda: wl.sequential([wl.layers.dense(1, input_shape=[1], name="z"), wl.layers.dense(1, name="z")]),
        ValueError,
        '"z" is used 2 times',
    ),
    "empty model": (lambda: wl.sequential().predict(XS), ValueError, "model is empty"),
    "dtype": (lambda: wl.tensor([1], dtype="float64"), ValueError, "unknown dtype 'float64'"),
    "shape": (lambda: wl.tensor2d([1, 2, 3], [2, 2]), ValueError, "wants 4 values, but 3"),
    "large integer": (lambda: wl.tensor1d([2**24 + 1], "int32"), ValueError, "2\\^24"),
    "broadcast": (lambda: wl.add(wl.ones([2]), wl.ones([3])), ValueError, r"\[2\] and \[3\]"),
    "inner sizes": (lambda: wl.mat_mul(wl.ones([2, 3]), wl.ones([2, 3])), ValueError, r"\[2, 3\] and \[2, 3\]"),
    "axis": (lambda: wl.sum(wl.ones([2]), 3), ValueError, "axis 3 is out of range"),
    "index": (lambda: wl.ones([2])[5], IndexError, "index 5 is out of range"),
    "backend": (
        lambda: wl.set_backend("webgpu"),
        ValueError,
        "expected one of 'auto', 'webgl', 'wasm', 'numpy', 'softgpu'",
    ),
    "backend without a browser": (lambda: wl.set_backend("webgl"), RuntimeError, "needs a browser"),
}


@pytest.mark.parametrize("mistake, kind, message", BUILDING_MISTAKES.values(), ids=BUILDING_MISTAKES)
def test_mistakes_are_named(mistake, kind, message):
    with pytest.raises(kind, match=message):
        mistake()


def test_training_before_compile():
    model = wl.sequential([wl.layers.dense(units=1, input_shape=[1])])
    with pytest.raises(RuntimeError, match="needs to be compiled"):
        model.fit(XS, YS)
    with pytest.raises(RuntimeError, match="needs to be compiled"):
        model.evaluate(XS, YS)


def test_labels_out_of_range():
    model = classifier()
    with pytest.raises(IndexError, match="class 3; the model has 3 classes, 0 to 2"):
        fit(model, np.zeros((2, 2)), np.array([0, 3]))
    with pytest.raises(IndexError, match="class -1"):
        model.evaluate(np.zeros((2, 2)), np.array([0, -1]))


def test_a_second_fit_is_refused_while_one_runs():
    model = make_model()

    async def main():
        first = model.fit(XS, YS, epochs=50, verbose=0)
        with pytest.raises(RuntimeError, match="another fit\\(\\) call is ongoing"):
            model.fit(XS, YS)
        history = await first
        await model.fit(XS, YS, verbose=0)
        return history

    assert len(asyncio.run(main()).history["loss"]) == 50


def test_a_loss_that_becomes_nan_is_reported_and_the_weights_are_kept():
    model = make_model(optimizer=wl.train.sgd(1e20))
    before = [w.numpy() for w in model.get_weights()]
    with pytest.raises(
        FloatingPointError, match=r"the loss became (nan|inf) in epoch 1 at step \d+ of 4.*before training"
    ):
        fit(model, batch_size=1)
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now.numpy())
    model.optimizer.learning_rate = 0.01
    assert np.isfinite(fit(model).history["loss"]).all()


def test_an_error_in_a_callback_ends_the_fit_and_leaves_the_model_usable():
    model = make_model()

    def fail(epoch, logs):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fit(model, epochs=3, callbacks={"onEpochEnd": fail})
    assert len(fit(model, epochs=2).history["loss"]) == 2


def test_use_after_dispose():
    tensor = wl.ones([2])
    tensor.dispose()
    for use in (tensor.numpy, tensor.print, lambda: tensor + 1, lambda: asyncio.run(tensor.data())):
        with pytest.raises(RuntimeError, match="Tensor is disposed"):
            use()
    model = make_model()
    model.dispose()
    for use in (lambda: model.predict(XS), lambda: model.fit(XS, YS), model.summary, model.dispose):
        with pytest.raises(RuntimeError, match="already disposed"):
            use()


def test_weights_of_wrong_shape_or_number():
    model = make_model()
    with pytest.raises(ValueError, match="got 1 values for 2 weights"):
        model.set_weights([np.zeros((1, 1))])
    with pytest.raises(ValueError, match=r"shape \[2\] to the float32 variable 'only/bias' of shape \[1\]"):
        model.set_weights([np.zeros((1, 1)), np.zeros(2)])


def test_a_symbolic_tensor_says_why_it_has_no_values():
    def loss(y_true, y_pred):
        return y_pred.numpy()

    with pytest.raises(TypeError, match="symbolic tensor.*no values"):
        fit(make_model(loss=loss))

    def branching(y_true, y_pred):
        return y_pred if y_pred > 0 else -y_pred

    with pytest.raises(TypeError, match="use wl.where instead of if"):
        fit(make_model(loss=branching))


# -- room -------------------------------------------------------------------------------------------------------------


def test_a_weight_without_room_on_the_host_is_named():
    def initializer(shape):
        raise MemoryError("Unable to allocate")

    dense = wl.layers.dense(units=20000, name="huge", kernel_initializer=initializer, input_shape=[20000])
    with pytest.raises(
        MemoryError, match=r"the weight 'huge/kernel' of shape \[20000, 20000\]: it takes 1600000000 bytes"
    ):
        wl.sequential([dense])


class Small(SoftDevice):
    """A device that takes textures of so many texels at most."""

    def alloc(self, spec):
        if spec.width * spec.height * spec.layers > 100:
            raise RuntimeError(f"a texture of {spec.width}x{spec.height} texels is more than this GPU allows")
        return super().alloc(spec)


def test_a_tensor_without_room_on_the_device_is_named(monkeypatch):
    small = PlanRuntime(Small())
    monkeypatch.setattr(device._backends, "home", lambda: small)
    model = wl.sequential([wl.layers.dense(units=40, name="large", input_shape=[40])])
    message = (
        r"softgpu did not take the weight 'large/kernel' of shape \[40, 40\], 6400 bytes: a texture of .* this GPU"
    )
    for use in (lambda: model.predict(np.ones((1, 40))), lambda: model.layers[0].kernel + 1):
        with pytest.raises(RuntimeError, match=message):
            use()
    with pytest.raises(RuntimeError, match=r"softgpu did not take a tensor of shape \[500\], 2000 bytes"):
        wl.ones([500]) + 1
