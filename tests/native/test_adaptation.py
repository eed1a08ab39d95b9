"""Low-rank adaptation: what is trained, what it computes, and what files have of it."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.random.default_rng(0).random((6, 4)).astype(np.float32)
IDS = np.array([[0, 1], [2, 1], [3, 3]], np.int32)

LAYERS = {
    "dense": (lambda **o: L.dense(3, **o), X),
    "einsum": (lambda **o: L.einsum_dense("ab,bcd->acd", output_shape=[2, 3], bias_axes="d", **o), X),
    "embedding": (lambda **o: L.embedding(4, 3, **o), IDS),
    "reversible": (lambda **o: L.reversible_embedding(4, 3, **o), IDS),
}


def model_of(name, **options):
    make, x = LAYERS[name]
    wire = wl.input(shape=x.shape[1:], dtype=str(x.dtype))
    layer = make(**options)
    return wl.model(inputs=wire, outputs=layer.apply(wire)), layer, x


def awaited(start):
    async def main():
        return await start()

    return asyncio.run(main())


def trained(model, x, epochs=4):
    y = np.ones(model.predict(x).shape, np.float32)
    model.compile(wl.train.adam(0.1), "mse")
    return awaited(lambda: model.fit(x, y, epochs=epochs, verbose=0)).history["loss"]


@pytest.mark.parametrize("name", LAYERS)
def test_two_small_matrices_are_trained_and_the_weight_is_not(name, backend):
    model, layer, x = model_of(name)
    before, weight = model.predict(x).numpy(), getattr(layer, layer.adapts)
    layer.enable_lora(2, lora_alpha=4)
    np.testing.assert_array_equal(model.predict(x).numpy(), before)
    kept = weight.numpy().copy()
    losses = trained(model, x)
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(weight.numpy(), kept)
    a, b = (w.numpy() for w in layer.trainable_weights[-2:])
    twin, other, _ = model_of(name)
    getattr(other, other.adapts).assign(kept + 2 * a @ b)
    if name != "embedding" and name != "reversible":
        other.bias.assign(layer.bias.numpy())
    np.testing.assert_allclose(model.predict(x).numpy(), twin.predict(x).numpy(), rtol=1e-4, atol=1e-5)
    if name == "reversible":
        vectors = wl.ones([1, 2, 3])
        got, wanted = (one.apply(vectors, reverse=True).numpy() for one in (layer, other))
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("name", LAYERS)
def test_files_have_the_weight_with_what_is_added(name, suffix, tmp_path):
    model, layer, x = model_of(name, lora_rank=2, lora_alpha=6)
    trained(model, x)
    wanted, path = model.predict(x).numpy(), tmp_path / f"m{suffix}"
    if suffix in ("", ".keras", ".h5"):
        awaited(lambda: model.save(path, include_optimizer=suffix != ".h5"))
        again = awaited(lambda: wl.load_layers_model(path))
        loaded = again.layers[-1]
        assert (loaded.lora_rank, loaded.lora_alpha) == (2, 6) and loaded.lora_enabled
        np.testing.assert_allclose(again.predict(x).numpy(), wanted, rtol=1e-5, atol=1e-6)
        # and it goes on, from where it was
        more, there = trained(again, x), trained(model, x)
        assert more[0] == pytest.approx(there[0], rel=1e-4) and more[-1] != more[0]
    else:
        awaited(lambda: model.save_weights(path))
        for options in ({}, {"lora_rank": 2}):
            other, _, _ = model_of(name, **options)
            if options:
                trained(other, x, 2)
            # as in a program that is started again
            other.layers[-1].name = layer.name
            for mine, theirs in zip(layer.weights, other.layers[-1].weights, strict=False):
                theirs.name = mine.name
            awaited(lambda other=other: other.load_weights(path))
            np.testing.assert_allclose(other.predict(x).numpy(), wanted, rtol=1e-5, atol=1e-6)


def test_a_plain_model_of_tensorflow_js_comes_out(tmp_path):
    model, layer, x = model_of("dense", lora_rank=2)
    trained(model, x)
    awaited(lambda: model.save(tmp_path / "m"))
    text = (tmp_path / "m" / "model.json").read_text()
    assert "lora_kernel" not in text and layer.kernel.name in text


def test_what_cannot_be_adapted_is_refused():
    layer = L.dense(2)
    with pytest.raises(ValueError, match="needs weights"):
        layer.enable_lora(2)
    layer.apply(wl.ones([1, 3]))
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="enabled already, with rank 2"):
        layer.enable_lora(2)
    with pytest.raises(ValueError, match="with a constraint cannot be adapted"):
        L.dense(2, kernel_constraint="non_neg", lora_rank=1).apply(wl.ones([1, 3]))
    with pytest.raises(ValueError, match="expected lora_rank to be a positive integer"):
        L.dense(2, lora_rank=-1)


def test_weights_keep_their_order():
    layer = L.dense(2)
    layer.apply(wl.ones([1, 3]))
    before = layer.weights
    layer.enable_lora(1)
    assert [id(w) for w in layer.weights[:2]] == [id(w) for w in before]
    assert [w.shape for w in layer.non_trainable_weights] == [(3, 2)]
    assert [w.name.rpartition("/")[2] for w in layer.weights[2:]] == ["lora_kernel_a", "lora_kernel_b"]
    plain = {"lora_rank", "lora_alpha"} & L.dense(2).get_config().keys()
    assert not plain
