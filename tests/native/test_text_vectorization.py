"""Texts as numbers, step by step, and models that take texts."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers


def values(tensor):
    return np.asarray(tensor.array_sync())


def test_what_keras_documents():
    layer = L.text_vectorization(max_tokens=5000, output_sequence_length=4)
    layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    assert values(layer([["foo qux bar"], ["qux baz"]])).tolist() == [[4, 1, 3, 0], [1, 2, 0, 0]]
    given = L.text_vectorization(max_tokens=5000, vocabulary=["earth", "wind", "and", "fire"])
    assert given.get_vocabulary() == ["", "[UNK]", "earth", "wind", "and", "fire"]


@pytest.mark.parametrize(
    "standardize, tokens",
    [
        ("lower_and_strip_punctuation", ["its", "É", "x1"]),
        ("lower", ["it's", "É,", "x1!"]),
        ("strip_punctuation", ["Its", "É", "X1"]),
        (None, ["It's", "É,", "X1!"]),
        (lambda texts: np.char.replace(texts, "X", "y"), ["It's", "É,", "y1!"]),
    ],
)
def test_texts_are_standardized(standardize, tokens):
    """As by TensorFlow, capitals beyond ASCII stay."""
    layer = L.text_vectorization(standardize=standardize)
    layer.adapt([" It's\tÉ,  X1! "])
    assert sorted(layer.get_vocabulary(False)) == sorted(tokens)


def test_texts_are_split():
    whole = L.text_vectorization(split=None)
    whole.adapt(["a b", "c", "a b"])
    assert whole.get_vocabulary(False) == ["a b", "c"]
    assert values(whole(["c", "a b", "b"])).tolist() == [[3], [2], [1]]
    letters = L.text_vectorization(split="character")
    letters.adapt(["aña"])
    assert letters.get_vocabulary(False) == ["a", "ñ"]
    parts = L.text_vectorization(standardize=None, split=lambda texts: [text.split("-") for text in texts])
    parts.adapt(["a-b", "a"])
    assert parts.get_vocabulary(False) == ["a", "b"]
    assert values(parts("b-a")).tolist() == [3, 2]


@pytest.mark.parametrize("ngrams, tokens", [(2, {"a", "b", "c", "a b", "b c"}), ((3,), {"a b c"}), (None, {*"abc"})])
def test_neighbours_are_joined(ngrams, tokens):
    layer = L.text_vectorization(ngrams=ngrams)
    layer.adapt(["a b c"])
    assert set(layer.get_vocabulary(False)) == tokens


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [[2, 3, 2], [1, 0, 0]]),
        ({"output_sequence_length": 2}, [[2, 3], [1, 0]]),
        ({"output_mode": "multi_hot"}, [[0, 1, 1], [1, 0, 0]]),
        ({"output_mode": "count"}, [[0, 2, 1], [1, 0, 0]]),
        ({"output_mode": "count", "max_tokens": 5, "pad_to_max_tokens": True}, [[0, 2, 1, 0, 0], [1, 0, 0, 0, 0]]),
        ({"output_mode": "tf_idf", "idf_weights": [0.5, 2.0]}, [[0, 1, 2], [1.25, 0, 0]]),
    ],
)
def test_outputs(settings, expected):
    layer = L.text_vectorization(vocabulary=["a", "b"], **settings)
    for data in (["a b a", "z"], [["a b a"], ["z"]], np.array(["a b a", "z"]), wl.tensor(["a b a", "z"])):
        np.testing.assert_allclose(values(layer(data)), expected)
    shape = layer.apply(wl.input(shape=[1], dtype="string")).shape
    assert shape == (
        None,
        settings.get("output_sequence_length") if "output_mode" not in settings else len(expected[0]),
    )
    again = L.deserialize({"class_name": "TextVectorization", "config": layer.get_config()})
    assert again.get_config() == layer.get_config()
    np.testing.assert_allclose(values(again(["a b a", "z"])), expected)


def test_functions_of_ones_own_are_known_by_their_names():
    @wl.register_class
    def shout(texts):
        return np.char.upper(texts)

    layer = L.text_vectorization(standardize=shout, vocabulary=["A", "B"])
    config = layer.get_config()
    assert config["standardize"] == "shout"
    again = L.deserialize({"class_name": "TextVectorization", "config": config})
    assert values(again(["b"])).tolist() == [[3]]
    # and as Keras writes a registered function
    config["standardize"] = {"module": "builtins", "class_name": "function", "config": "my>shout"}
    assert values(L.TextVectorization.from_config(config)(["b"])).tolist() == [[3]]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.text_vectorization(standardize="lowers"), "Unknown standardize: 'lowers'"),
        (lambda: L.text_vectorization(split="words"), "Unknown split: 'words'"),
        (lambda: L.text_vectorization(ngrams=0), "positive integer or a tuple of them, got 0"),
        (lambda: L.text_vectorization(output_mode="count", output_sequence_length=3), "for output_mode 'int'"),
        (lambda: L.text_vectorization(ragged=True), "dense tensors"),
        (lambda: L.text_vectorization(sparse=True), "dense tensors"),
        (lambda: L.text_vectorization()([["a", "b"]]), r"\[batch\] or \[batch, 1\], got shape \[1, 2\]"),
        (lambda: L.text_vectorization(vocabulary=["a"]).adapt(["b"]), "nothing to adapt"),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- models -----------------------------------------------------------------------------------------------------------

TEXTS = ["good film", "bad film", "very good", "very bad", "good good", "bad bad"]
MARKS = np.array([[1], [0], [1], [0], [1], [0]], np.float32)


def vectorizer(**settings):
    layer = L.text_vectorization(output_sequence_length=3, **settings)
    layer.adapt(TEXTS)
    return layer


def test_a_model_takes_texts(backend):
    """From training to files, as one that takes numbers does."""
    layer = vectorizer()
    model = wl.sequential([
        wl.input(shape=[1], dtype="string"), layer, L.embedding(10, 4), L.global_average_pooling1d(), L.dense(1),
    ])  # fmt: skip
    model.compile(wl.train.adam(0.05), "mse")
    batches = wl.data.zip({"xs": wl.data.array(TEXTS), "ys": wl.data.array(list(MARKS))}).batch(2)

    async def main():
        history = await model.fit(TEXTS, MARKS, epochs=40, verbose=0)
        further = await model.fit(batches, epochs=2, verbose=0)
        return [*history.history["loss"], *further.history["loss"]], await model.predict(batches)

    losses, predicted = asyncio.run(main())
    assert losses[-1] < 0.1 * losses[0]
    numbers = wl.sequential([L.embedding(10, 4, input_length=3), *model.layers[2:]])
    numbers.layers[0].set_weights(model.layers[1].get_weights())
    expected = numbers.predict(layer(TEXTS)).numpy()
    np.testing.assert_allclose(predicted.numpy(), expected, atol=1e-6)
    for given in (TEXTS, [[text] for text in TEXTS], np.array(TEXTS), wl.tensor(TEXTS)):
        np.testing.assert_allclose(model.predict(given, batch_size=4).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(model(TEXTS).numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(model.execute(TEXTS, layer.name).numpy(), layer(TEXTS).numpy())
    assert float(model.evaluate(TEXTS, MARKS).numpy()) == pytest.approx(((expected - MARKS) ** 2).mean(), rel=1e-4)


def test_host_and_device_share_the_inputs_of_a_model():
    """Some inputs are for one, some for the other, some for both; and models that prepare are in others."""
    word, size = wl.input(shape=[1], dtype="string", name="word"), wl.input(shape=[1], name="size")
    key = wl.input(shape=[1], dtype="int32", name="key")
    encoded = [
        L.string_lookup(vocabulary=["x", "y"], output_mode="one_hot").apply(word),
        L.hashing(num_bins=3, output_mode="one_hot").apply(key),
        L.category_encoding(num_tokens=5).apply(L.hashed_crossing(num_bins=5).apply([word, key])),
    ]
    prepare = wl.model(inputs={"word": word, "key": key}, outputs=L.concatenate().apply(encoded))
    data = {"word": ["x", "q", "y"], "size": [1.0, 2.0, 3.0], "key": np.array([3, 4, 3], np.int32)}
    crossing = encoded[2].call.sources[0].source_layer.name
    assert prepare.execute({k: data[k] for k in ("word", "key")}, crossing).shape == (3, 1)
    ready = prepare.predict({k: data[k] for k in ("word", "key")}).numpy()
    assert ready.shape == (3, 11) and (ready.sum(1) == 3).all()
    made = prepare.apply({"word": word, "key": key})
    vectors = L.embedding(9, 1).apply(key)
    joined = L.concatenate().apply([made, size, L.flatten().apply(vectors)])
    model = wl.model(inputs=[word, size, key], outputs=L.dense(2, name="end").apply(joined))
    model.compile("sgd", "mse")

    async def main():
        before = model.get_layer("end").get_weights()[0].numpy()
        await model.fit(data, np.ones((3, 2)), epochs=2, verbose=0)
        assert not np.array_equal(model.get_layer("end").get_weights()[0].numpy(), before)

    asyncio.run(main())
    kernel, bias = (w.numpy() for w in model.get_layer("end").weights)
    table = model.weights[0].numpy()[data["key"]]
    whole = np.concatenate([ready, np.array(data["size"])[:, None], table], 1)
    np.testing.assert_allclose(model.predict(data).numpy(), whole @ kernel + bias, rtol=1e-5, atol=1e-6)
    again = wl.Functional.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(data).numpy(), model.predict(data).numpy())


def test_numbers_that_a_model_makes_are_no_input_of_the_host():
    x = wl.input(shape=[3])
    best = wl.arg_max(L.dense(4, name="scores").apply(x), -1)
    with pytest.raises(ValueError, match="reads what 'scores' makes with its weights"):
        wl.model(inputs=x, outputs=L.string_lookup(vocabulary=["a", "b"], invert=True).apply(best))


def test_a_model_of_texts_with_weights_is_not_inside_another():
    inner = wl.sequential([vectorizer(input_shape=[1]), L.embedding(10, 2), L.flatten()], name="inner")
    x = wl.input(shape=[1], dtype="string")
    with pytest.raises(ValueError, match="model 'inner' takes what only the host can read, and has weights"):
        wl.model(inputs=x, outputs=L.dense(1).apply(inner.apply(x)))


def test_sizes_that_files_may_ask_for():
    """Nothing is made of numbers that are far too large, before somebody uses them."""
    many = L.text_vectorization(ngrams=10**12, vocabulary=["a", "a b"])
    assert values(many(["a b"])).tolist() == [[2, 1, 3]]
    assert L.string_lookup(num_oov_indices=10**12, vocabulary=["a"]).vocabulary_size() == 10**12 + 1
    with pytest.raises(ValueError, match="at most 100"):
        L.aug_mix(num_chains=10**12)


def test_a_model_that_gives_words():
    x = wl.input(shape=[2], dtype="int32")
    model = wl.model(inputs=x, outputs=L.string_lookup(vocabulary=["a", "b"], invert=True).apply(x))
    assert model.predict(np.array([[1, 2], [0, 1], [2, 2]]), batch_size=2).array_sync() == [
        ["a", "b"],
        ["[UNK]", "a"],
        ["b", "b"],
    ]


def test_the_size_that_a_model_knows_stays():
    layer = L.string_lookup(vocabulary=["a", "b"], output_mode="count")
    layer.apply(wl.input(shape=[2], dtype="string"))
    layer.set_vocabulary(["c", "d"])
    with pytest.raises(RuntimeError, match="cannot change from 3 to 2"):
        layer.set_vocabulary(["c"])


def test_texts_in_data_sets():
    layer = vectorizer()

    async def main():
        return await wl.data.array(TEXTS).batch(2).map(layer).to_array()

    np.testing.assert_array_equal(np.concatenate([t.numpy() for t in asyncio.run(main())]), layer(TEXTS).numpy())


def test_a_pipeline_of_both_kinds():
    prepare = L.pipeline([vectorizer(), L.category_encoding(num_tokens=10), L.rescaling(0.5)])
    expected = values(prepare(TEXTS))
    assert set(np.unique(expected)) == {0, 0.5}
    model = wl.sequential([wl.input(shape=[1], dtype="string"), prepare, L.dense(1)])
    kernel, bias = (w.numpy() for w in model.layers[-1].weights)
    np.testing.assert_allclose(model.predict(TEXTS).numpy(), expected @ kernel + bias, rtol=1e-5, atol=1e-6)
    again = wl.Sequential.from_config(model.get_config())
    np.testing.assert_array_equal(values(again.layers[0](TEXTS)), expected)
