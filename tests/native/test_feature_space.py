"""Tables as vectors: each column by its kind, columns together, models that take tables."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L, FeatureSpace = wl.layers, wl.utils.FeatureSpace

TABLE = {
    "plain": [0.0, 0.1, 0.2, 0.3],
    "normal": [1.0, 2.0, 3.0, 6.0],
    "binned": [1.0, 2.0, 3.0, 4.0],
    "scaled": [1.0, 2.0, 3.0, 4.0],
    "word": ["b", "a", "b", "c"],
    "key": [7, 8, 8, 9],
    "hash": ["u", "v", "u", "w"],
    "number": [1, 2, 3, 4],
    "text": ["x y", "y z", "z", "x"],
}


def space(**settings):
    text = L.text_vectorization(output_mode="tf_idf")
    return FeatureSpace(
        features={
            "plain": "float",
            "normal": "float_normalized",
            "binned": FeatureSpace.float_discretized(num_bins=2),
            "scaled": FeatureSpace.float_rescaled(scale=0.5, offset=1.0),
            "word": "string_categorical",
            "key": FeatureSpace.integer_categorical(max_tokens=3),
            "hash": "string_hashed",
            "number": FeatureSpace.integer_hashed(num_bins=4),
            "text": FeatureSpace.feature("string", text, "float"),
        },
        crosses=[("word", "key"), FeatureSpace.cross(("binned", "hash"), 5)],
        hashing_dim=3,
        crossing_dim=6,
        **settings,
    )


def adapted(**settings):
    made = space(**settings)
    made.adapt(TABLE)
    return made


def test_each_feature_is_what_its_layer_makes():
    features = {k: v.numpy() for k, v in adapted(output_mode="dict")(TABLE).items()}
    column = {k: np.array(v)[:, None] for k, v in TABLE.items()}
    np.testing.assert_allclose(features["plain"], column["plain"], rtol=1e-6)
    normal = (column["normal"] - column["normal"].mean()) / column["normal"].std()
    np.testing.assert_allclose(features["normal"], normal, rtol=1e-5)
    np.testing.assert_array_equal(features["binned"], np.eye(2)[[0, 0, 1, 1]])
    np.testing.assert_allclose(features["scaled"], column["scaled"] * 0.5 + 1)
    # unknown, then by how often
    np.testing.assert_array_equal(features["word"], np.eye(4)[[1, 3, 1, 2]])
    np.testing.assert_array_equal(features["key"], np.eye(3)[[0, 1, 1, 2]])
    for name, bins in (("hash", 3), ("number", 4)):
        hot = L.hashing(num_bins=bins, output_mode="one_hot")(TABLE[name])
        np.testing.assert_array_equal(features[name], hot.numpy())
    crossed = L.hashed_crossing(num_bins=6, output_mode="one_hot")([[1, 3, 1, 2], [0, 1, 1, 2]])
    np.testing.assert_array_equal(features["word_X_key"], crossed.numpy())
    assert features["text"].shape == (4, 4) and features["binned_X_hash"].shape == (4, 5)


def test_one_vector_has_the_features_in_the_order_of_their_names():
    apart, whole = adapted(output_mode="dict")(TABLE), adapted()(TABLE).numpy()
    order = [*sorted(TABLE), "binned_X_hash", "word_X_key"]
    np.testing.assert_allclose(whole, np.concatenate([apart[name].numpy() for name in order], 1), rtol=1e-6)


def test_data_sets_and_single_rows():
    rows = [{name: values[i] for name, values in TABLE.items()} for i in range(4)]
    expected = adapted()(TABLE).numpy()
    for data in (wl.data.array(rows), wl.data.array([{"xs": row, "ys": 1.0} for row in rows])):
        made = space()
        made.adapt(data)
        np.testing.assert_allclose(made(TABLE).numpy(), expected, rtol=1e-6)
    vector = made(rows[2])
    np.testing.assert_allclose(vector.numpy(), expected[2], rtol=1e-6)

    async def main():
        return await wl.data.array(rows).map(made).to_array()

    np.testing.assert_allclose(np.stack([v.numpy() for v in asyncio.run(main())]), expected, rtol=1e-6)


@pytest.mark.parametrize("place", [None, "model.keras", "folder/model.json"])
def test_models_that_take_tables(tmp_path, place):
    made = adapted()
    model = wl.model(inputs=made.get_inputs(), outputs=L.dense(1, name="end").apply(made.get_encoded_features()))
    model.compile("adam", "mse")

    async def main():
        await model.fit(TABLE, np.ones((4, 1)), epochs=2, verbose=0)
        if place is not None:
            await model.save(tmp_path / place.partition("/")[0])
            return await wl.load_layers_model(tmp_path / place)
        return model

    loaded = asyncio.run(main())
    kernel, bias = (w.numpy() for w in model.get_layer("end").weights)
    expected = made(TABLE).numpy() @ kernel + bias
    np.testing.assert_allclose(loaded.predict(TABLE).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_what_was_learned_is_written():
    made = adapted()
    again = L.deserialize({"class_name": "FeatureSpace", "config": made.get_config()})
    np.testing.assert_allclose(again(TABLE).numpy(), made(TABLE).numpy(), rtol=1e-6)
    assert isinstance(again, FeatureSpace)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FeatureSpace(features={}), "must have one at least"),
        (lambda: FeatureSpace(features={"a": "floats"}), "Did you mean 'float"),
        (lambda: FeatureSpace(features={"a": "float"}, output_mode="list"), "Unknown output_mode"),
        (lambda: FeatureSpace(features={"a": "float"}, crosses=[("a", "b")]), r"crosses has \['b'\]"),
        (lambda: space()(TABLE), r"has not learned the features \['normal'"),
        (lambda: adapted()({"plain": [1.0]}), "no data for the features"),
        (lambda: adapted().adapt([1.0]), "takes a dictionary by the names of columns, got list"),
        (lambda: adapted()([1.0]), "takes a dictionary"),
        (
            lambda: FeatureSpace(features={"a": FeatureSpace.integer_hashed(3, output_mode="int")})({"a": [1]}),
            r"cannot join the features \['a'\]",
        ),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_nothing_to_learn():
    made = FeatureSpace(features={"a": FeatureSpace.integer_hashed(3, output_mode="int")}, output_mode="dict")
    assert made({"a": [1, 2]})["a"].shape == (2, 1)


@pytest.mark.parametrize(
    ("layer", "dtype", "data"),
    [
        (lambda: L.string_lookup(vocabulary=["a", "b", "c"]), "string", ["a", "b", "c", "a", "c", "b", "c", "c"]),
        (lambda: L.integer_lookup(vocabulary=[3, 2, 1]), "int32", [3, 2, 1, 1, 2, 1, 3, 2]),
        (lambda: L.hashing(num_bins=5), "string", ["a", "b", "c", "a", "c", "b", "c", "c"]),
        (
            lambda: L.text_vectorization(vocabulary=["a", "b"], output_sequence_length=2),
            "string",
            ["a b", "b", "c", "a", "b a", "b b", "a", "b"],
        ),
    ],
    ids=["string_lookup", "integer_lookup", "hashing", "text_vectorization"],
)
def test_the_part_for_validation_is_looked_up_once(backend, layer, dtype, data):
    x = wl.input(shape=[1], dtype=dtype)
    found = L.flatten().apply(L.embedding(9, 2).apply(layer().apply(x)))
    model = wl.model(inputs=x, outputs=L.dense(1).apply(found))
    model.compile("sgd", "mse")
    column, targets = np.array(data)[:, None], np.arange(8.0, dtype=np.float32)[:, None]

    async def main():
        history = await model.fit(column, targets, validation_split=0.25, verbose=0, shuffle=False)
        return history.history["val_loss"][0], float(model.evaluate(column[6:], targets[6:]))

    split, alone = asyncio.run(main())
    np.testing.assert_allclose(split, alone, rtol=1e-5)


def test_a_table_is_split_for_validation(backend):
    space_ = FeatureSpace({"word": "string_categorical", "plain": "float_normalized"})
    table = {"word": np.array(list("abcabcaa")), "plain": np.arange(8.0)}
    space_.adapt(table)
    model = wl.model(inputs=space_.get_inputs(), outputs=L.dense(1).apply(space_.get_encoded_features()))
    model.compile("sgd", "mse")

    async def main():
        return (await model.fit(table, np.ones(8), validation_split=0.25, verbose=0)).history

    assert len(asyncio.run(main())["val_loss"]) == 1
