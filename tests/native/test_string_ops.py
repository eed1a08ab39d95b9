"""Tensors of strings, and what can be done with them, as in TensorFlow.js 4.22."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers.ops.fingerprint import fingerprint64

WORDS = [["a", "b"], ["c", "déjà"]]
# By the number of bytes.
FINGERPRINTS = {
    3: 0xCC4686BA565AEAEA,
    7: 0x241CD6DB2747BC0F,
    12: 0x28262A552AA6C14C,
    24: 0x65C90D4D4F007E23,
    40: 0x8C074A0A6695AA19,
    64: 0x2989BC0BE180A4A7,
    65: 0x00A2EB13AD6F3E56,
    129: 0xEF554905BB66A4EE,
    200: 0x00BB63DB8A416332,
}


def words():
    return wl.tensor(WORDS)


def splits(values):
    return wl.tensor1d(values, "int32")


# -- tensors ----------------------------------------------------------------------------------------------------------


def test_strings_make_tensors():
    made = words()
    assert (made.dtype, made.shape, made.rank, made.size, made.nbytes) == ("string", (2, 2), 2, 4, 9)
    assert wl.scalar("x").array_sync() == "x" and wl.scalar("x").shape == ()
    assert wl.tensor(["a", "b"], [2, 1], "string").array_sync() == [["a"], ["b"]]
    assert wl.tensor2d(["a", "b"], [1, 2]).array_sync() == [["a", "b"]]
    assert wl.tensor(np.array(["a", "bc"])).array_sync() == ["a", "bc"]
    assert wl.tensor([b"d\xc3\xa9", "e"]).array_sync() == ["dé", "e"]
    assert wl.fill([2], "x").array_sync() == ["x", "x"]
    assert wl.tensor([], dtype="string").shape == (0,)


def test_values_come_back():
    async def main():
        made = words()
        assert list(await made.data()) == ["a", "b", "c", "déjà"]
        assert await made.array() == WORDS
        assert await made.bytes() == [b"a", b"b", b"c", b"d\xc3\xa9j\xc3\xa0"]

    asyncio.run(main())


def test_strings_print_themselves(capsys):
    words().print(True)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == ["Tensor", "  dtype: string", "  rank: 2", "  shape: [2,2]"]
    assert printed[-2:] == ["    [['a', 'b'],", "     ['c', 'déjà']]"]
    assert "dtype=string" in repr(words())


def test_strings_count_and_are_freed():
    before = wl.memory()
    made = words()
    after = wl.memory()
    assert (after.num_tensors - before.num_tensors, after.num_bytes - before.num_bytes) == (1, 9)
    made.dispose()
    assert wl.memory().num_tensors == before.num_tensors
    with pytest.raises(RuntimeError, match="disposed"):
        made.array_sync()
    kept = wl.tidy(lambda: wl.concat([words(), words()]))
    assert wl.memory().num_tensors == before.num_tensors + 1 and not kept.is_disposed


MOVES = {
    "reshape": (lambda x: x.reshape([4]), ["a", "b", "c", "déjà"]),
    "flatten": (lambda x: x.flatten(), ["a", "b", "c", "déjà"]),
    "expand_dims": (lambda x: x.expand_dims(1), [[["a", "b"]], [["c", "déjà"]]]),
    "squeeze": (lambda x: x.expand_dims(0).squeeze(), WORDS),
    "slice": (lambda x: x.slice([1, 0], [1, 1]), [["c"]]),
    "get_item": (lambda x: x[:, 1], ["b", "déjà"]),
    "concat": (lambda x: wl.concat([x, x], 1), [["a", "b", "a", "b"], ["c", "déjà", "c", "déjà"]]),
    "stack": (lambda x: wl.stack([x[0], x[1]], 1), [["a", "c"], ["b", "déjà"]]),
    "gather": (lambda x: x.gather([1, 0], 1), [["b", "a"], ["déjà", "c"]]),
    "tile": (lambda x: x.tile([1, 2]), [["a", "b", "a", "b"], ["c", "déjà", "c", "déjà"]]),
    "transpose": (lambda x: x.transpose(), [["a", "c"], ["b", "déjà"]]),
    "reverse": (lambda x: x.reverse(0), [["c", "déjà"], ["a", "b"]]),
    "broadcast_to": (lambda x: wl.broadcast_to(x[0], [2, 2]), [["a", "b"], ["a", "b"]]),
    "where": (lambda x: wl.where([True, False], x, "z"), [["a", "z"], ["c", "z"]]),
    "clone": (lambda x: x.clone(), WORDS),
    "strided_slice": (lambda x: x.strided_slice([0, 0], [2, 2], [1, 2]), [["a"], ["c"]]),
    "tensor_scatter_update": (lambda x: wl.tensor_scatter_update(x[0], splits([1]), ["q"]), ["a", "q"]),
    "lists": (lambda x: wl.tile(["a", "b"], [2]), ["a", "b", "a", "b"]),
}


@pytest.mark.parametrize("name", MOVES)
def test_strings_move(name):
    move, wanted = MOVES[name]
    moved = move(words())
    assert moved.dtype == "string" and moved.array_sync() == wanted


def test_rows_of_strings():
    assert [t.array_sync() for t in words()] == WORDS
    assert [t.array_sync() for t in words().unstack(1)] == [["a", "c"], ["b", "déjà"]]
    assert [t.shape for t in wl.split(words(), 2)] == [(1, 2), (1, 2)]


def test_strings_compare():
    assert wl.equal(words(), "a").array_sync() == [[True, False], [False, False]]
    assert wl.not_equal(["a", "b"], ["a", "c"]).array_sync() == [False, True]
    assert wl.less(words()[0], "b").array_sync() == [True, False]


def test_other_ops_take_strings():
    async def main():
        assert (await wl.boolean_mask_async(words(), [False, True])).array_sync() == [["c", "déjà"]]
        left, places = await wl.setdiff1d_async(["a", "b"], ["a"])
        assert (left.array_sync(), places.array_sync()) == (["b"], [1])

    asyncio.run(main())
    assert wl.unique(["b", "a", "b"])["values"].array_sync() == ["b", "a"]
    rows = wl.ragged_gather([splits([0, 1, 3])], ["x", "y", "z"], splits([1]), 1)
    assert rows["output_dense_values"].array_sync() == ["y", "z"]
    filled = wl.sparse.sparse_fill_empty_rows(wl.tensor2d([[1, 0]], dtype="int32"), ["v"], splits([2, 1]), "none")
    assert filled["output_values"].array_sync() == ["none", "v"]
    assert wl.function(lambda x: wl.where(wl.equal(words(), "a"), x, 0))(wl.ones([2, 2])).array_sync() == [
        [1, 0],
        [0, 0],
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wl.add(words(), 1), "add computes with numbers, but got strings, which live on the host"),
        (lambda: words() * 2, "mul computes with numbers"),
        (lambda: wl.relu("a"), "relu computes with numbers"),
        (lambda: wl.concat([words(), [[1, 2]]]), "concat wants strings beside strings, got float32"),
        (lambda: wl.tensor(["a", 1]), "or strings only"),
        (lambda: wl.tensor([1], dtype="string"), "strings only, got 1"),
        (lambda: wl.tensor(["a"], dtype="int32"), "the dtype 'string' or none"),
        (lambda: wl.variable(words()), "expected numbers"),
        (lambda: wl.function(lambda x: x)(words()), "lives on the host"),
        (lambda: wl.string.string_split([1], "a"), "string_split wants strings, got float32"),
    ],
)
def test_numbers_are_wanted_or_not(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_shapes_of_strings_are_checked():
    with pytest.raises(ValueError, match="wants 3 values, but 2 were given"):
        wl.tensor(["a", "b"], [3])
    with pytest.raises(ValueError, match="same length"):
        wl.tensor([["a"], ["b", "c"]])


# -- wl.string --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delimiter", "skip_empty", "values", "shape"),
    [
        (" ", False, ["a", "b,,c", "", "", "x"], [3, 3]),
        (" ,", False, ["a", "b", "", "c", "", "", "x"], [3, 4]),
        (" ,", True, ["a", "b", "c", "x"], [3, 3]),
        ("", True, ["a", " ", "b", ",", ",", "c", " ", " ", "x"], [3, 6]),
    ],
)
def test_splitting(delimiter, skip_empty, values, shape):
    parts = wl.string.stringSplit(["a b,,c", "", "  x"], delimiter, skip_empty)
    assert (parts["values"].array_sync(), parts["shape"].array_sync()) == (values, shape)


def test_parts_of_characters_can_be_joined_again():
    parts = wl.string.string_split(["é"], "")["values"]
    assert asyncio.run(parts.bytes()) == [b"\xc3", b"\xa9"]


@pytest.mark.parametrize(
    ("arguments", "grams", "ends"),
    [
        (("|", [3], "", "", 0, False), ["a|b|c"], [0, 1, 1, 1]),
        (("|", [3], "", "", 0, True), ["a|b|c", "d"], [0, 1, 1, 2]),
        (("|", [2], "L", "R", -1, False), ["L|a", "a|b", "b|c", "c|R", "L|R", "L|d", "d|R"], [0, 4, 5, 7]),
    ],
)
def test_n_grams(arguments, grams, ends):
    found = wl.string.stringNGrams(["a", "b", "c", "d"], splits([0, 3, 3, 4]), *arguments)
    assert (found["nGrams"].array_sync(), found["nGramsSplits"].array_sync()) == (grams, ends)


def test_splits_of_n_grams_are_checked():
    with pytest.raises(ValueError, match=r"ascend from 0 to 2, got \[0, 1\]"):
        wl.string.string_n_grams(["a", "b"], splits([0, 1]), "|", [1], "", "", 0, False)


def test_fingerprints_of_all_lengths():
    texts = {n: bytes((i * i * 31 + n * 7 + i) % 256 for i in range(n)) for n in (3, 7, 12, 24, 40, 64, 65, 129, 200)}
    assert {n: fingerprint64(text) for n, text in texts.items()} == FINGERPRINTS


def test_buckets():
    numbers = wl.string.stringToHashBucketFast([["a", "déjà"], ["", "b"]], 1000)
    assert (numbers.dtype, numbers.shape) == ("int32", (2, 2))
    with pytest.raises(ValueError, match="at most 2"):
        wl.string.string_to_hash_bucket_fast(["a"], 1 << 30)
    with pytest.raises(ValueError, match="must be positive"):
        wl.string.string_to_hash_bucket_fast(["a"], 0)


@pytest.mark.parametrize(
    ("text", "pattern", "rewrite", "every", "wanted"),
    [
        ("a.b a-b", r"(\w)(\W)(\w)", "$3$2$1$$$&$9", True, "b.a$a.b$9 b-a$a-b$9"),
        ("a.b a-b", r"(\w)(\W)(\w)", "$3$2$1", False, "b.a a-b"),
        ("2020-05-06", r"(?<y>\d+)-(?<m>\d+)", "$<m>/$<y>", True, "05/2020-06"),
        ("abab", r"(?<x>a)b\k<x>b", "[$`|$']", True, "[|]"),
        ("line\n", "e$", "E", True, "line\n"),
        ("a$b[c]", "[$]", "D", True, "aDb[c]"),
        ("aXb", "[^]", ".", True, "..."),
        ("xéy", r"\w", "W", True, "WéW"),
        ("aaa", "", "-", True, "-a-a-a-"),
    ],
)
def test_rewriting(text, pattern, rewrite, every, wanted):
    assert wl.string.staticRegexReplace([text], pattern, rewrite, every).array_sync() == [wanted]


def test_patterns_are_checked():
    with pytest.raises(ValueError, match="is no regular expression"):
        wl.string.static_regex_replace(["a"], "(", "")
