"""Layers with a vocabulary or a hash: the values that Keras documents, and what goes into files."""

import asyncio
import io
import json
import zipfile

import h5py
import numpy as np
import pytest

import weblayers as wl
from weblayers.io.keras.configuration import configuration

L = wl.layers
ABCD = ["a", "b", "c", "d"]
IDF = [0.25, 0.75, 0.6, 0.4]
ROWS = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
NUMBERS = {"a": 12, "b": 36, "c": 1138, "d": 42, "z": 7}
OF_INTEGERS = [[NUMBERS[word] for word in row] for row in ROWS]


def run(promise):
    async def main():
        return await promise()

    return asyncio.run(main())


def values(tensor):
    return np.asarray(tensor.array_sync())


def both(**settings):
    """A lookup of words and one of integers, with what they are called on."""
    words = L.string_lookup(vocabulary=ABCD, **settings)
    numbers = L.integer_lookup(vocabulary=[NUMBERS[word] for word in ABCD], **settings)
    return ((words, ROWS), (numbers, OF_INTEGERS))


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [[1, 3, 4, 4], [4, 0, 2, 0]]),
        ({"output_mode": "multi_hot"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "binary"}, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
        ({"output_mode": "count"}, [[0, 1, 0, 1, 2], [2, 0, 1, 0, 1]]),
        ({"output_mode": "tf_idf", "idf_weights": IDF}, [[0, 0.25, 0, 0.6, 0.8], [1, 0, 0.75, 0, 0.4]]),
        (
            {"output_mode": "count", "max_tokens": 7, "pad_to_max_tokens": True},
            [[0, 1, 0, 1, 2, 0, 0], [2, 0, 1, 0, 1, 0, 0]],
        ),
    ],
)
def test_what_keras_documents(settings, expected):
    for layer, data in both(**settings):
        for given in (data, np.array(data)):
            np.testing.assert_allclose(values(layer(given)), expected, rtol=1e-6)


def test_one_hot_appends_an_axis_or_takes_that_of_one():
    layer = L.string_lookup(vocabulary=ABCD, output_mode="one_hot")
    hot = np.eye(5)[[1, 2, 3, 4, 0]]
    np.testing.assert_array_equal(values(layer(["a", "b", "c", "d", "z"])), hot)
    np.testing.assert_array_equal(values(layer([["a"], ["b"], ["c"], ["d"], ["z"]])), hot)
    assert layer(ROWS).shape == (2, 4, 5)
    for shape, out in (([5], (None, 5, 5)), ([1], (None, 5))):
        assert layer.apply(wl.input(shape=shape, dtype="string")).shape == out


def test_several_numbers_for_unknown_tokens():
    layer = L.string_lookup(vocabulary=ABCD, num_oov_indices=2)
    assert values(layer([["a", "c", "d"], ["m", "z", "b"]])).tolist() == [[2, 4, 5], [0, 1, 3]]
    assert layer.get_vocabulary() == ["[UNK]", "[UNK]", *ABCD]
    numbers = L.integer_lookup(vocabulary=[12, 36], num_oov_indices=2)
    assert values(numbers([12, 7, 8, -3])).tolist() == [2, 1, 0, 1]
    hashed = L.integer_lookup(vocabulary=[12, 36], num_oov_indices=3, oov_method="farmhash", mask_token=0)
    bins = values(L.hashing(num_bins=3)([7, 8]))
    assert values(hashed([0, 7, 8])).tolist() == [0, *(1 + bins)]


def test_no_number_for_unknown_tokens():
    layer = L.string_lookup(vocabulary=ABCD, num_oov_indices=0)
    assert values(layer(["a", "d"])).tolist() == [0, 3]
    with pytest.raises(ValueError, match="no number for 'z'.*num_oov_indices=1"):
        layer(["a", "z"])


@pytest.mark.parametrize("mode, expected", [("int", [0, 2, 1]), ("count", [1.0, 1.0, 0.0])])
def test_masked_tokens_are_0_or_nowhere(mode, expected):
    layer = L.string_lookup(vocabulary=["a", "b"], mask_token="", output_mode=mode)
    assert values(layer(["", "a", "z"])).tolist() == expected
    assert layer.get_vocabulary() == ([""] if mode == "int" else []) + ["[UNK]", "a", "b"]


def test_there_and_back():
    forward = L.string_lookup(vocabulary=ABCD, mask_token="")
    back = L.string_lookup(vocabulary=forward.get_vocabulary(), mask_token="", invert=True)
    assert back(forward([["a", "z"], ["", "d"]])).array_sync() == [["a", "[UNK]"], ["", "d"]]
    back = L.integer_lookup(vocabulary=[12, 36], invert=True)
    assert values(back([[0, 1], [2, 9]])).tolist() == [[-1, 12], [36, -1]]
    assert back.apply(wl.input(shape=[2])).dtype == "int32"


def test_adapting():
    layer = L.string_lookup()
    layer.adapt([["a", "c", "d"], ["d", "z", "b"]])
    assert layer.get_vocabulary() == ["[UNK]", "d", "z", "c", "b", "a"]
    assert layer.get_vocabulary(include_special_tokens=False) == ["d", "z", "c", "b", "a"]
    assert values(layer([["a", "c", "d"], ["d", "z", "b"]])).tolist() == [[5, 3, 1], [1, 2, 4]]
    few = L.string_lookup(max_tokens=3, mask_token="z")
    few.adapt(np.array(["d", "z", "d", "c", "[UNK]"]))
    assert few.get_vocabulary() == ["z", "[UNK]", "d"] and few.vocabulary_size() == 3
    numbers = L.integer_lookup()
    numbers.adapt(wl.data.array([[7, 7], [10**12, 7]]))
    assert numbers.get_vocabulary() == [-1, 7, 10**12]
    assert values(numbers(np.array([10**12, 5]))).tolist() == [2, 0]


def test_adapting_to_batches_with_targets():
    batches = wl.data.array([{"xs": word, "ys": 1.0} for word in ("a", "b", "b", "c")]).batch(2)
    layer = L.string_lookup()
    layer.adapt(batches)
    assert layer.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    layer.adapt(batches, steps=1)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]


def test_weights_are_learned():
    """``log(1 + documents / (1 + documents with it))``; unknown tokens count as the average."""
    layer = L.string_lookup(output_mode="tf_idf")
    layer.adapt([["a", "b", "a"], ["a", "c", "c"]])
    assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]
    own = [np.log1p(2 / 3), np.log1p(2 / 2), np.log1p(2 / 2)]
    np.testing.assert_allclose(values(layer([["a", "a", "z"]])), [[np.mean(own), 2 * own[0], 0, 0]], rtol=1e-6)


def test_a_weight_for_unknown_tokens():
    layer = L.string_lookup(output_mode="tf_idf")
    layer.set_vocabulary(["[UNK]", *ABCD], idf_weights=[0.9, *IDF])
    np.testing.assert_allclose(values(layer(ROWS)), [[0, 0.25, 0, 0.6, 0.8], [1.8, 0, 0.75, 0, 0.4]], rtol=1e-6)


def test_a_vocabulary_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nß\nc\n", "utf-8")
    for given in (path, str(path)):
        assert L.string_lookup(vocabulary=given).get_vocabulary() == ["[UNK]", "a", "ß", "c"]
    path.write_text("7\n-3")
    assert L.integer_lookup(vocabulary=path).get_vocabulary() == [-1, 7, -3]
    with pytest.raises(ValueError, match="no vocabulary file"):
        L.string_lookup(vocabulary="nowhere.txt")
    described = {
        "class_name": "Sequential",
        "config": [{"class_name": "StringLookup", "config": {"vocabulary": str(path), "input_shape": [1]}}],
    }
    with pytest.raises(ValueError, match="must have the vocabulary itself"):
        run(lambda: wl.model_from_json(described))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: L.string_lookup(max_tokens=1), "greater than 1, got 1"),
        (lambda: L.string_lookup(num_oov_indices=-1), "0 or more, got -1"),
        (lambda: L.string_lookup(pad_to_max_tokens=True), "needs max_tokens"),
        (lambda: L.string_lookup(output_mode="ints"), "Unknown output_mode: 'ints'"),
        (lambda: L.string_lookup(invert=True, output_mode="count"), "must be 'int' where invert is True"),
        (lambda: L.string_lookup(sparse=True), "dense tensors"),
        (lambda: L.string_lookup(vocabulary=[]), "the vocabulary is empty"),
        (lambda: L.string_lookup(vocabulary=["a", "b", "a"]), r"more than once: \['a'\]"),
        (lambda: L.string_lookup(vocabulary=["a", ""], mask_token=""), "mask token '' is inside"),
        (lambda: L.string_lookup(vocabulary=["a", "[UNK]"], invert=True), r"OOV token '\[UNK\]' is inside"),
        (lambda: L.string_lookup(vocabulary=ABCD, max_tokens=3), "has 5 tokens, more than 3"),
        (lambda: L.string_lookup(vocabulary=ABCD, output_mode="tf_idf"), "idf_weights are given in output_mode"),
        (lambda: L.string_lookup(vocabulary=ABCD, idf_weights=IDF), "only there; this one is 'int'"),
        (
            lambda: L.string_lookup(vocabulary=ABCD, output_mode="tf_idf", idf_weights=[1]),
            r"shape \[1\], expected one for each of 4 tokens",
        ),
        (lambda: L.string_lookup(vocabulary=ABCD).adapt(["a"]), "nothing to adapt"),
        (lambda: L.integer_lookup(salt=3), "oov_method='farmhash'"),
        (lambda: L.integer_lookup(vocabulary_dtype="int32"), "must be 'int64'"),
        (lambda: L.hashing(num_bins=0), "num_bins to be a positive integer"),
        (lambda: L.hashing(num_bins=2, salt=[1, 2, 3]), "one integer or two"),
        (lambda: L.hashed_crossing(num_bins=2)(["a"]), "two or more features"),
        (lambda: L.hashed_crossing(num_bins=2)([["a", "b"], [1]]), r"got shapes \[\[2\], \[1\]\]"),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_of_other_kinds():
    with pytest.raises(TypeError, match="takes strings, got 3"):
        L.string_lookup(vocabulary=ABCD)([3])
    with pytest.raises(TypeError, match=r"takes integers, got 0\.5"):
        L.integer_lookup(vocabulary=[1])([0.5])
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        L.string_lookup(output_mode="count")(["a"])
    assert values(L.integer_lookup(vocabulary=[1])(wl.tensor1d([1.0, 2.0]))).tolist() == [1, 0]
    assert values(L.string_lookup(vocabulary=["ä"])(np.array(["ä".encode(), b"a"]))).tolist() == [1, 0]


def test_inside_of_what_is_traced():
    layer = L.integer_lookup(vocabulary=[1])
    with pytest.raises(TypeError, match=r"works on the host.*data\.map"):
        wl.function(lambda x: layer.apply(x))(wl.tensor1d([1], "int32"))


LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]


@pytest.mark.parametrize(
    "settings, data, expected",
    [
        ({}, LETTERS, [1, 0, 1, 1, 2]),
        ({"mask_value": ""}, [["A"], ["B"], [""], ["C"], ["D"]], [1, 1, 0, 2, 2]),
        ({"salt": [133, 137]}, LETTERS, [1, 2, 1, 0, 2]),
        ({"salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
    ],
)
def test_bins_are_those_that_keras_documents(settings, data, expected):
    layer = L.hashing(num_bins=3, **settings)
    assert values(layer(data)).ravel().tolist() == expected
    hot = L.hashing(num_bins=3, output_mode="one_hot", **settings)
    np.testing.assert_array_equal(values(hot(data)), np.eye(3)[expected])


def test_integers_are_hashed_by_their_digits():
    layer = L.hashing(num_bins=50)
    assert values(layer([12, -3])).tolist() == values(layer(["12", "-3"])).tolist()
    assert values(layer(np.array([12.7]))).tolist() == values(layer(["12"])).tolist()


def test_crosses_are_those_that_keras_documents():
    features = (np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102]))
    assert values(L.hashed_crossing(num_bins=5)(features)).tolist() == [1, 4, 1, 1, 3]
    hot = L.hashed_crossing(num_bins=5, output_mode="one_hot")
    np.testing.assert_array_equal(values(hot(features)), np.eye(5)[[1, 4, 1, 1, 3]])


def models():
    words = L.string_lookup(output_mode="tf_idf", max_tokens=9, pad_to_max_tokens=True)
    words.adapt([["a", "b"], ["a", "c"]])
    numbers = L.integer_lookup(output_mode="multi_hot")
    numbers.adapt([[3], [5]])
    text = L.text_vectorization(ngrams=2, output_sequence_length=4)
    text.adapt(["a b", "b c"])
    for layer, data, dtype in (
        (words, [["a", "z"], ["b", "b"]], "string"),
        (numbers, np.array([[3, 4], [5, 3]]), "int32"),
        (text, [["A b"], ["c z"]], "string"),
    ):
        x = wl.input(shape=[len(data[0])], dtype=dtype)
        yield layer, wl.model(inputs=x, outputs=L.dense(2).apply(layer.apply(x))), data


@pytest.mark.parametrize("place", ["model.keras", "folder/model.json"])
def test_files(tmp_path, place):
    for layer, model, data in models():
        run(lambda model=model: model.save(tmp_path / place.partition("/")[0]))
        again = run(lambda: wl.load_layers_model(tmp_path / place))
        np.testing.assert_array_equal(again.predict(data).numpy(), model.predict(data).numpy())
        copy = again.get_layer(layer.name)
        assert copy.get_vocabulary() == layer.get_vocabulary()
        # it was learned, and may be learned anew
        lookup = getattr(copy, "lookup", copy)
        assert lookup.learns


def as_keras_writes_it(layer, model, folder, vocabulary):
    """A file with a vocabulary in a text file, and the weights of its tokens by name."""
    path, other = folder / "ours.keras", folder / "keras.keras"
    run(lambda: model.save(path))
    with zipfile.ZipFile(path) as ours, zipfile.ZipFile(other, "w") as theirs:
        described = json.loads(ours.read("config.json"))
        (entry,) = [x for x in described["config"]["layers"] if x["config"]["name"] == layer.name]
        entry["config"] |= {"vocabulary": None, "idf_weights": None, "vocabulary_size": layer.vocabulary_size()}
        del entry["config"]["has_input_vocabulary"]
        theirs.writestr("config.json", json.dumps(described))
        theirs.writestr("model.weights.h5", ours.read("model.weights.h5"))
        theirs.writestr(f"assets/layers/{wl.naming.class_snake(layer.class_name)}/vocabulary.txt", vocabulary)
        names = []
        h5py.File(io.BytesIO(ours.read("model.weights.h5"))).visit(names.append)
        assert any("idf_weights" in name for name in names) == (layer.output_mode == "tf_idf")
    return other


def test_files_of_keras_keep_vocabularies_beside_the_weights(tmp_path):
    for layer, model, data in models():
        path = as_keras_writes_it(layer, model, tmp_path, "\n".join(map(str, layer.get_vocabulary())))
        again = run(lambda path=path: wl.load_layers_model(path))
        np.testing.assert_array_equal(again.predict(data).numpy(), model.predict(data).numpy())


@pytest.mark.parametrize("vocabulary", ["", "3\n3", "three", "3\n4\n5\n6", b"\xff\xfe"])
def test_vocabularies_of_damaged_files(tmp_path, vocabulary):
    _, (layer, model, _), _ = models()
    path = as_keras_writes_it(layer, model, tmp_path, vocabulary)
    with pytest.raises(wl.io.ModelFileError, match="keras.keras"):
        run(lambda: wl.load_layers_model(path))


# What the classes of Keras 3.15 take; they refuse all else.
OF_ALL = {"name", "trainable", "dtype"}
OF_LOOKUPS = {
    *("max_tokens", "num_oov_indices", "mask_token", "oov_token", "vocabulary", "idf_weights", "invert"),
    *("output_mode", "sparse", "pad_to_max_tokens", "oov_method", "salt", "vocabulary_size", "has_input_vocabulary"),
}
TAKEN = {
    "StringLookup": OF_ALL | OF_LOOKUPS | {"encoding"},
    "IntegerLookup": OF_ALL | OF_LOOKUPS | {"vocabulary_dtype"},
    "Hashing": OF_ALL | {"num_bins", "mask_value", "salt", "output_mode", "sparse", "activity_regularizer"},
    "TextVectorization": OF_ALL
    | OF_LOOKUPS - {"num_oov_indices", "mask_token", "oov_token", "invert", "oov_method", "salt"}
    | {"standardize", "split", "ngrams", "output_sequence_length", "ragged", "encoding", "activity_regularizer"},
}


def test_what_keras_is_told():
    layers = [
        L.string_lookup(vocabulary=ABCD),
        L.integer_lookup(vocabulary=[1, 2]),
        L.hashing(num_bins=3),
        L.text_vectorization(vocabulary=ABCD),
    ]
    for layer in layers:
        model = wl.sequential([wl.input(shape=[1], dtype="string"), layer])
        begin, written = configuration(model)["config"]["layers"]
        assert begin["config"]["dtype"] == "string"
        assert written["class_name"] == layer.class_name and set(written["config"]) <= TAKEN[layer.class_name]
        assert written["config"].get("vocabulary") == getattr(layer, "get_vocabulary", lambda _: None)(False)
    # it wants integers where there are integers
    assert (
        configuration(wl.sequential([L.hashing(num_bins=3, input_shape=[1])]))["config"]["layers"][1]["config"]["dtype"]
        == "int64"
    )
