"""What is in a model's file: weights as bytes, quantized or not, metadata, the training that goes on."""

import asyncio
import json
import warnings

import numpy as np
import pytest

import weblayers as wl
from weblayers.io.weights import byte_length, decode, encode

L = wl.layers
RNG = np.random.default_rng(3)
X = RNG.random((12, 3), np.float32)
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype(np.float32)


def run(awaitable):
    async def main():
        return await awaitable

    return asyncio.run(main())


def stack(**compiled):
    made = wl.sequential([L.dense(units=4, input_shape=[3], name="a"), L.dense(units=1, name="b", trainable=False)])
    if compiled:
        made.compile(**compiled)
    return made


def saved(model, **options):
    kept = []
    run(model.save(wl.io.with_save_handler(kept.append), **options))
    return kept[0]


def again(artifacts, **options):
    return run(wl.load_layers_model(wl.io.from_memory(artifacts), **options))


def fit(model, epochs=2):
    async def main():
        return await model.fit(X, Y, epochs=epochs, batch_size=4, shuffle=False, verbose=0)

    return asyncio.run(main()).history["loss"]


# -- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_of_tensorflow_js():
    artifacts = saved(stack())
    assert [s["name"] for s in artifacts.weight_specs] == ["a/kernel", "a/bias", "b/kernel", "b/bias"]
    described = artifacts.to_json(["./model.weights.bin"])
    assert described["format"] == "layers-model"
    assert list(described) == ["modelTopology", "format", "generatedBy", "convertedBy", "weightsManifest"]
    assert described["weightsManifest"][0]["paths"] == ["./model.weights.bin"]
    assert described["modelTopology"]["class_name"] == "Sequential"
    assert described["modelTopology"]["backend"] == "tensor_flow.js"
    assert len(artifacts.weight_data) == 4 * (12 + 4 + 4 + 1)


def test_sizes_are_known_without_loading():
    artifacts = saved(stack())
    info = artifacts.info
    assert info.weight_data_bytes == info.weightDataBytes == 84
    topology = json.dumps(artifacts.model_topology, separators=(",", ":"))
    assert info.model_topology_bytes == len(topology)
    assert info.to_json()["dateSaved"].endswith("Z")
    assert wl.io.ModelArtifactsInfo.from_json(info.to_json()).weight_data_bytes == 84


def test_both_spellings_of_options_and_artifacts():
    model = stack(optimizer="sgd", loss="mse")
    assert saved(model, includeOptimizer=True).trainingConfig == saved(model, include_optimizer=True).training_config
    whole = saved(model)
    spelled = {"modelTopology": whole.modelTopology, "weightSpecs": whole.weightSpecs, "weightData": whole.weightData}
    np.testing.assert_array_equal(again(spelled).predict(X).numpy(), model.predict(X).numpy())


def test_only_what_is_trained():
    assert [s["name"] for s in saved(stack(), trainable_only=True).weight_specs] == ["a/kernel", "a/bias"]


def test_user_defined_metadata_come_back():
    model = stack()
    notes = {"labels": ["cat", "dog"], "größe": {"camelCase": 1, "snake_case": None}}
    model.set_user_defined_metadata(notes)
    text = json.dumps(saved(model).to_json([]))
    assert json.loads(text)["userDefinedMetadata"] == notes
    assert again(saved(model)).get_user_defined_metadata() == notes


def test_topology_alone():
    model = stack()
    assert json.loads(model.to_json()) == model.to_json(None, False)
    for described in (model.to_json(), model.to_json(None, False), saved(model).to_json([])):
        made = run(wl.model_from_json(described))
        assert made.to_json() == model.to_json()
        assert np.abs(made.layers[0].weights[0].numpy()).max() > 0


def test_a_file_of_weights_alone_is_no_model():
    kept = []
    run(stack().save_weights(wl.io.with_save_handler(kept.append)))
    assert kept[0].model_topology is None
    with pytest.raises(wl.io.ModelFileError, match="load_weights"):
        again(kept[0])
    model = stack()
    run(model.load_weights(wl.io.from_memory(kept[0])))
    assert saved(model).weight_data == kept[0].weight_data


# -- weights as bytes -------------------------------------------------------------------------------------------------


def test_bytes_are_little_endian_one_after_the_other():
    arrays = {"f": np.float32([1.5, -2]), "i": np.int32([[7]]), "b": np.array([True, False]), "s": np.float32(3)}
    data, specs = encode(arrays.items())
    assert data == bytes.fromhex("0000c03f 000000c0 07000000 01 00 00004040")
    assert [(s["shape"], s["dtype"]) for s in specs] == [
        ([2], "float32"),
        ([1, 1], "int32"),
        ([2], "bool"),
        ([], "float32"),
    ]
    assert byte_length(specs) == len(data)
    for name, values in decode(data, specs).items():
        np.testing.assert_array_equal(values, arrays[name])
        assert values.dtype == arrays[name].dtype


def test_public_encoding_takes_both_forms():
    tensors = {"a": wl.tensor1d([1, 2]), "b": wl.scalar(3)}
    listed = [{"name": name, "tensor": tensor} for name, tensor in tensors.items()]
    first, second = run(wl.io.encode_weights(tensors, "optimizer")), run(wl.io.encodeWeights(listed, "optimizer"))
    assert first == second
    assert first["specs"][0]["group"] == "optimizer"
    halves = [first["data"][:5], first["data"][5:]]
    assert wl.io.decodeWeights(halves, first["specs"])["a"].array_sync() == [1, 2]


@pytest.mark.parametrize("to, step", [("uint8", 255), ("uint16", 65535)])
def test_affine_quantization_is_near(to, step):
    values = RNG.normal(size=(20, 7)).astype(np.float32)
    data, specs = encode([("w", values), ("n", np.int32([1, 2]))], quantization=to)
    assert specs[0]["quantization"]["dtype"] == to
    assert "quantization" not in specs[1]
    back = decode(data, specs)["w"]
    assert back.dtype == np.float32
    assert np.abs(back - values).max() <= (values.max() - values.min()) / step * 0.51 + 1e-6


def test_half_precision_is_as_near_as_it_gets():
    values = RNG.normal(size=50).astype(np.float32)
    data, specs = encode([("w", values)], quantization="float16")
    assert len(data) == 100
    np.testing.assert_array_equal(decode(data, specs)["w"], values.astype(np.float16).astype(np.float32))


@pytest.mark.parametrize("to", ["uint8", "uint16"])
def test_constants_and_nothing_can_be_quantized(to):
    data, specs = encode([("c", np.full(3, 2.5, np.float32)), ("e", np.zeros((0, 2), np.float32))], quantization=to)
    back = decode(data, specs)
    np.testing.assert_array_equal(back["c"], [2.5] * 3)
    assert back["e"].shape == (0, 2)


@pytest.mark.parametrize("to, values", [("uint8", np.nan), ("uint16", np.inf), ("float16", 1e6)])
def test_what_cannot_be_quantized(to, values):
    with pytest.raises(ValueError, match="weight 'w'"):
        encode([("w", np.float32([values, 1]))], quantization=to)


def test_unknown_quantization_and_dtype():
    with pytest.raises(ValueError, match="choose one of uint8, uint16, float16"):
        encode([], quantization="uint4")
    with pytest.raises(ValueError, match="Unsupported dtype in weight 'w'"):
        encode([("w", np.complex64([1]))])


@pytest.mark.parametrize("to", ["float16", "uint16", "uint8"])
def test_quantized_models_are_smaller_and_predict_nearly_alike(to):
    model = stack()
    artifacts = saved(model, quantization=to)
    assert artifacts.info.weight_data_bytes == 21 * (1 if to == "uint8" else 2)
    np.testing.assert_allclose(again(artifacts).predict(X).numpy(), model.predict(X).numpy(), atol=0.05)


def test_quantized_int32_is_rounded():
    spec = {"name": "n", "shape": [2], "dtype": "int32", "quantization": {"dtype": "uint8", "min": -1, "scale": 0.6}}
    assert decode(bytes([0, 4]), [spec])["n"].tolist() == [-1, 1]


# -- strictness -------------------------------------------------------------------------------------------------------


def without(artifacts, name):
    specs = [s for s in artifacts.weight_specs if s["name"] != name]
    arrays = decode(artifacts.weight_data, artifacts.weight_specs)
    artifacts.weight_data = encode([(s["name"], arrays[s["name"]]) for s in specs])[0]
    artifacts.weight_specs = specs
    return artifacts


def renamed(artifacts, old, new):
    artifacts.weight_specs = [{**s, "name": new if s["name"] == old else s["name"]} for s in artifacts.weight_specs]
    return artifacts


def test_a_missing_weight():
    with pytest.raises(wl.io.ModelFileError, match="1 of 4 weights are not set: a/bias"):
        again(without(saved(stack()), "a/bias"))
    loaded = again(without(saved(stack()), "a/kernel"), strict=False)
    assert np.abs(loaded.get_layer("a").weights[0].numpy()).max() > 0, "what is missing begins as its initializer says"


def test_a_weight_too_many():
    with pytest.raises(wl.io.ModelFileError, match="Provided weight data has no target variable: c/bias"):
        again(renamed(saved(stack()), "a/bias", "c/bias"))
    assert again(renamed(saved(stack()), "a/bias", "c/bias"), strict=False).count_params() == 21


def test_another_shape_is_never_taken():
    artifacts = saved(stack())
    artifacts.weight_specs[0]["shape"] = [4, 3]
    with pytest.raises(wl.io.ModelFileError, match=r"'a/kernel' is \[4, 3\] in the file, but \[3, 4\] in the model"):
        again(artifacts, strict=False)


def test_weights_are_given_all_or_none():
    model = stack()
    before = saved(model).weight_data
    wrong = {"a/kernel": np.ones((3, 4)), "a/bias": np.ones(4), "b/kernel": np.ones((4, 1)), "b/bias": np.ones(2)}
    with pytest.raises(wl.io.ModelFileError, match="b/bias"):
        run(model.load_weights(wrong))
    assert saved(model).weight_data == before


@pytest.mark.parametrize("spelling", ["a/{}:0", "model_3/a/{}", "a/cell/{}", "outer/inner/a/{}:0"])
def test_names_of_tensorflow(spelling):
    artifacts = saved(stack())
    for name in ("kernel", "bias"):
        renamed(artifacts, f"a/{name}", spelling.format(name))
    assert again(artifacts).count_params() == 21


# -- training ---------------------------------------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda: wl.train.sgd(0.05),
    "momentum": lambda: wl.train.momentum(0.05, 0.8, True),
    "adagrad": lambda: wl.train.adagrad(0.1),
    "adadelta": lambda: wl.train.adadelta(0.5),
    "adam": lambda: wl.train.adam(0.02, 0.8, 0.9),
    "adamax": lambda: wl.train.adamax(0.02),
    "rmsprop": lambda: wl.train.rmsprop(0.01, 0.8, 0.5, 1e-6, True),
    "scheduled": lambda: wl.train.adam(wl.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_exactly(name):
    first = stack(optimizer=OPTIMIZERS[name](), loss="mse", metrics=["mae"])
    fit(first)
    second = again(json_round(saved(first, include_optimizer=True)))
    assert second.optimizer.iterations == first.optimizer.iterations == 6
    assert fit(second) == fit(first)
    assert saved(second).weight_data == saved(first).weight_data


def json_round(artifacts):
    """The artifacts as a file says them."""
    described = json.loads(json.dumps(artifacts.to_json([])))
    made = wl.io.Artifacts.from_json(described, "a file")
    made.weight_data = artifacts.weight_data
    return made


def test_optimizer_weights_stand_behind_the_models():
    model = stack(optimizer="adam", loss="mse")
    fit(model)
    specs = saved(model, include_optimizer=True).weight_specs
    assert [s.get("group") for s in specs] == [None] * 4 + ["optimizer"] * 5
    assert [s["name"] for s in specs[4:]] == ["iter", "a/kernel/m", "a/bias/m", "a/kernel/v", "a/bias/v"]
    assert specs[4] == {"name": "iter", "shape": [], "dtype": "int32", "group": "optimizer"}


def test_an_optimizer_that_made_no_step_has_no_slots():
    loaded = again(saved(stack(optimizer="adam", loss="mse"), include_optimizer=True))
    assert loaded.optimizer.iterations == 0
    assert len(fit(loaded)) == 2


LOSSES = ["mse", "mean_absolute_error", wl.losses.Huber(delta=0.5), wl.losses.MeanSquaredError()]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses_and_metrics_travel(loss):
    model = stack(optimizer="sgd", loss=loss, metrics=["mae", wl.metrics.RootMeanSquaredError()])
    loaded = again(json_round(saved(model, include_optimizer=True)))
    assert loaded.metrics_names == model.metrics_names
    for ours, theirs in zip(loaded.evaluate(X, Y), model.evaluate(X, Y), strict=True):
        assert float(ours.numpy()) == pytest.approx(float(theirs.numpy()))


def test_losses_by_output():
    x = wl.input(shape=[3])
    model = wl.model(inputs=x, outputs=[L.dense(1, name="p").apply(x), L.dense(2, name="q").apply(x)])
    model.compile("sgd", {"p": "mse", "q": "mae"}, {"q": ["mse"]}, loss_weights=[1.0, 0.5])
    loaded = again(json_round(saved(model, include_optimizer=True)))
    assert loaded.metrics_names == model.metrics_names
    assert loaded.compiled().loss_weights == [1.0, 0.5]


def test_a_loss_that_only_its_author_has():
    model = stack(optimizer="sgd", loss="mse")
    artifacts = saved(model, include_optimizer=True)
    artifacts.training_config["loss"] = "my_own_loss"
    with pytest.warns(UserWarning, match=r"not compiled.*my_own_loss"):
        loaded = again(artifacts)
    with pytest.raises(RuntimeError, match="compile"):
        loaded.compiled()
    np.testing.assert_array_equal(loaded.predict(X).numpy(), model.predict(X).numpy())


def test_without_the_optimizer_nothing_is_compiled():
    model = stack(optimizer="sgd", loss="mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = again(saved(model))
    with pytest.raises(RuntimeError, match="compile"):
        loaded.compiled()


def test_a_model_that_is_not_compiled_has_no_optimizer_to_save():
    with pytest.raises(RuntimeError, match="compile"):
        saved(stack(), include_optimizer=True)


def test_a_training_configuration_alone():
    model = stack()
    model.load_training_config(saved(stack(optimizer="adam", loss="mse"), include_optimizer=True).training_config)
    assert type(model.optimizer).__name__ == "Adam"


def test_a_save_during_training_is_of_one_moment():
    """The weights of a save are those of the step that its optimizer has counted."""
    model = stack(optimizer=wl.train.sgd(0.1), loss="mse")
    kept, pending, weights_after = [], [], {}

    def snapshot(batch, logs):
        weights_after[model.optimizer.iterations] = [w.numpy() for w in model.weights]
        pending.append(model.save(wl.io.with_save_handler(kept.append), include_optimizer=True))

    async def main():
        await model.fit(X, Y, epochs=2, batch_size=4, verbose=0, callbacks={"on_batch_end": snapshot})
        for save in pending:
            await save

    asyncio.run(main())
    assert len(kept) == 6
    for artifacts in kept:
        *weights, steps = decode(artifacts.weight_data, artifacts.weight_specs).values()
        for saved_values, values in zip(weights, weights_after[int(steps)], strict=True):
            np.testing.assert_array_equal(saved_values, values)


class Own(wl.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.dense(units=1)

    def call(self, x):
        return self.dense(x)


def test_a_model_of_ones_own_cannot_be_saved_whole():
    with pytest.raises(ValueError, match="graph is its code.*save_weights"):
        saved(Own())


def test_the_depth_multiplier_of_a_separable_convolution_is_its_kernels(tmp_path):
    """TensorFlow.js leaves it out of the layer's configuration."""
    model = wl.sequential([
        wl.layers.separable_conv2d(filters=3, kernel_size=2, depth_multiplier=4, input_shape=[4, 4, 2], name="apart"),
        wl.layers.flatten(),
    ])  # fmt: skip
    outer = wl.sequential([model, wl.layers.dense(1)])
    for number, saved in enumerate((model, outer)):
        folder = tmp_path / str(number)
        run(saved.save(folder))
        text = (folder / "model.json").read_text()
        assert '"depth_multiplier":4,' in text
        (folder / "model.json").write_text(text.replace('"depth_multiplier":4,', ""))
        again = run(wl.load_layers_model(folder))
        x = np.random.default_rng(0).random((1, 4, 4, 2), np.float32)
        np.testing.assert_allclose(again.predict(x).numpy(), saved.predict(x).numpy(), rtol=1e-5)
