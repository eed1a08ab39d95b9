"""Tensors as objects: methods, operators, life and memory, buffers, other libraries' arrays."""

import asyncio
import gc
from collections import OrderedDict

import numpy as np
import pytest

import weblayers as wl
from weblayers.ops import dispatch
from weblayers.recent import Recent


@pytest.fixture
def x():
    return wl.tensor2d([[1, 2, 3], [4, 5, 6]])


# -- methods and operators --------------------------------------------------------------------------------------------


def test_conversions(x):
    assert x.as_type("int32").dtype == x.toInt().dtype == "int32"
    assert x.to_bool().array_sync() == [[True] * 3] * 2
    assert x.toInt().toFloat().dtype == "float32"
    assert x.as1D().shape == (6,) and x.as2D(3, 2).shape == (3, 2) and x.as3D(1, 2, 3).shape == (1, 2, 3)
    assert x.as4D(1, 1, 2, 3).rank == 4 and x.as5D(1, 1, 1, 2, 3).rank == 5
    assert wl.ones([1, 1]).as_scalar().shape == ()
    assert x.reshape_as(wl.ones([6])).shape == (6,)
    with pytest.raises(ValueError, match="6 values"):
        x.as_scalar()
    with pytest.raises(ValueError, match="2 sizes"):
        x.as2D(6)


def test_methods_with_forms_of_their_own(x):
    assert x.concat(x).shape == (4, 3) and x.concat([x, x], 1).shape == (2, 9)
    assert x.stack(x).shape == (2, 2, 3) and x.stack([x, x], 2).shape == (2, 3, 3)
    assert x.where(wl.greater(x, 3), 0).array_sync() == [[0, 0, 0], [4, 5, 6]]
    assert x.zerosLike().array_sync() == [[0] * 3] * 2 and x.onesLike().dtype == "float32"
    assert x.topk(1)["indices"].array_sync() == [[2], [2]]
    assert x.strides == [3] and wl.ones([2, 3, 4]).strides == [12, 4] and x.rank_type == "2"


def test_operators_are_pythons():
    a, b = wl.tensor1d([7, -7], "int32"), wl.tensor1d([2, 2], "int32")
    assert (a // b).array_sync() == [3, -4] and (a // b).dtype == "int32"
    assert (a.to_float() // 2).array_sync() == [3.0, -4.0] and (9 // b).array_sync() == [4, 4]
    yes, no = wl.tensor1d([True, True]), wl.tensor1d([True, False])
    assert (yes & no).array_sync() == [True, False] and (yes ^ no).array_sync() == [False, True]
    assert (yes | no).array_sync() == [True, True] and (~no).array_sync() == [False, True]
    assert (2 ** wl.tensor1d([1, 3])).array_sync() == [2.0, 8.0]
    assert ([[1.0, 0.0]] @ wl.ones([2, 1])).array_sync() == [[1.0]]


def test_iteration_gives_tensors(x):
    rows = list(x)
    assert [r.array_sync() for r in rows] == [[1, 2, 3], [4, 5, 6]] and len(x) == 2
    first, second = x
    assert isinstance(first, wl.Tensor) and second.shape == (3,)
    assert [float(v) for v in rows[0]] == [1, 2, 3]
    with pytest.raises(TypeError, match="scalar"):
        iter(wl.scalar(1))

    @wl.function
    def added(t):
        total = 0.0
        for row in t:
            total = total + row
        return total

    assert added(x).array_sync() == [5, 7, 9]


def test_clones_share_their_values(x):
    copy = x.clone()
    assert wl.memory()["num_data_buffers"] < wl.memory()["num_tensors"]
    x.dispose()
    assert copy.array_sync() == [[1, 2, 3], [4, 5, 6]]
    assert x.is_disposed and not copy.isDisposed
    with pytest.raises(RuntimeError, match="disposed"):
        x.throw_if_disposed()
    copy.throwIfDisposed()


def test_variables_of_tensors(x):
    v = x.variable(False, "mine", "int32")
    assert (v.trainable, v.name, v.dtype) == (False, "mine", "int32")
    copy = v.clone()
    v.assign(wl.zeros([2, 3], "int32"))
    assert copy.array_sync() == [[1, 2, 3], [4, 5, 6]]


INDICES = {
    "backwards": np.s_[::-1],
    "backwards by two": np.s_[:, 5:0:-2],
    "from the end": np.s_[-1, -4:-1],
    "new axes": np.s_[None, 1, ..., None],
    "a list": np.s_[[2, 0, -1]],
    "an array behind a slice": np.s_[::2, np.array([1, 1, 3])],
    "a matrix of positions": np.s_[..., np.array([[0, -1], [2, 2]])],
    "an array behind an integer": np.s_[1, [0, 2]],
    "nothing": np.s_[2:1, :0],
    "an empty list": np.s_[[]],
}


@pytest.mark.parametrize("name", INDICES)
def test_indices_are_numpys(name):
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    expected = values[INDICES[name] if name != "an empty list" else np.array([], int)]
    t = wl.tensor(values)
    np.testing.assert_array_equal(t[INDICES[name]].numpy(), expected)
    np.testing.assert_array_equal(wl.function(lambda v: v[INDICES[name]])(t).numpy(), expected)
    slope = wl.grad(lambda v: wl.sum(v[INDICES[name]]))(t).numpy()
    counts = np.zeros_like(values)
    np.add.at(counts, INDICES[name] if name != "an empty list" else np.array([], int), 1)
    np.testing.assert_array_equal(slope, counts)


def test_other_rows_need_no_other_plan(monkeypatch):
    x = wl.range(0, 100).reshape([50, 2])
    compiled = []
    compile_op = dispatch._compile
    monkeypatch.setattr(dispatch, "_compile", lambda *given: compiled.append(given[0].__name__) or compile_op(*given))
    for i in range(0, 40, 8):
        assert x[i].array_sync() == [2 * i, 2 * i + 1] and x[-50 + i, 1].array_sync() == 2 * i + 1
        assert x[i : i + 8].shape == (8, 2) and x[i : i + 8, 0].array_sync()[0] == 2 * i
        assert wl.slice(x, [i, 0], [8, 1]).array_sync()[1] == [2 * i + 2]
    # x[i], x[i, 1], x[i:j], x[i:j, 0] and the slice
    assert compiled == ["_rows"] * 5


def test_plans_are_forgotten(monkeypatch):
    (cache,) = [c.cell_contents for c in wl.tile.__closure__ if isinstance(c.cell_contents, Recent)]
    monkeypatch.setattr(cache, "most", 10)
    monkeypatch.setattr(cache, "_values", OrderedDict())
    for n in range(1, 40):
        assert wl.tile(wl.ones([1]), [n]).shape == (n,)
    assert len(cache) == 10


def test_indices_may_be_tensors(x):
    assert x[:, wl.tensor1d([2, 0], "int32")].array_sync() == [[3, 1], [6, 4]]
    for wrong, kind in (([5], IndexError), (x > 2, TypeError), ([0.5], TypeError), (([0], [1]), TypeError)):
        with pytest.raises(kind):
            x[wrong]


# -- buffers ----------------------------------------------------------------------------------------------------------


def test_buffers():
    b = wl.buffer([2, 3], "int32", [1, 2, 3, 4, 5, 6])
    b.set(9, 1, 2)
    assert b.get(1, 2) == 9 and b.locToIndex([1, 2]) == 5 and b.index_to_loc(5) == [1, 2]
    assert (b.rank, b.size, b.strides, b.dtype) == (2, 6, [3], "int32")
    tensor = b.toTensor()
    b.values[0] = 8
    assert tensor.array_sync() == [[1, 2, 3], [4, 5, 9]] and b.get(0, 0) == 8
    again = tensor.buffer_sync()
    again.set(7, 0, 0)
    assert tensor.array_sync()[0][0] == 1
    for wrong in ((2, 0), (0, -1), (0,)):
        with pytest.raises(IndexError):
            b.get(*wrong)
    with pytest.raises(ValueError, match="6 values"):
        wl.buffer([2, 3], "float32", [1])


def test_values_without_blocking(x):
    assert asyncio.run(x.buffer()).get(1, 0) == 4
    assert np.frombuffer(asyncio.run(x.bytes()), np.float32).tolist() == [1, 2, 3, 4, 5, 6]


# -- other libraries --------------------------------------------------------------------------------------------------


def test_other_libraries_read_them(x):
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    assert np.asarray(x).sum() == 21 and np.add(x.numpy(), 1).shape == (2, 3)
    assert wl.tensor(np.from_dlpack(x)).shape == (2, 3)


# -- memory -----------------------------------------------------------------------------------------------------------


def test_memory_counts():
    before = wl.memory()
    a, b = wl.zeros([10]), wl.zeros([10], "bool")
    now = wl.memory()
    assert now.num_tensors - before.numTensors == 2
    assert now["num_bytes"] - before["numBytes"] == 50
    wl.dispose({"a": a, "more": [b]})
    assert wl.memory() == before
    with pytest.raises(KeyError):
        now["nothing"]


def test_tidy_frees_what_is_not_handed_on():
    gc.collect()
    before = wl.memory()["num_tensors"]
    seen = []

    def work():
        a = wl.ones([3])
        seen.append(a)
        seen.append(a * 2)
        return {"sum": wl.sum(seen[1]), "parts": [a + 1]}

    out = wl.tidy("work", work)
    assert [t.is_disposed for t in seen] == [True, True]
    assert out["sum"].array_sync() == 6 and out["parts"][0].array_sync() == [2, 2, 2]
    seen.clear()
    gc.collect()
    assert wl.memory()["num_tensors"] == before + 2


def test_tidies_inside_each_other():
    with wl.tidy():
        inner = wl.tidy(lambda: wl.ones([2]) + 1)
        assert inner.array_sync() == [2, 2]
        v = wl.variable(wl.ones([2]))
        kept = wl.keep(wl.ones([1]))
    assert inner.is_disposed and not v.is_disposed and not kept.is_disposed


def test_tidy_after_errors():
    made = []

    def fails():
        made.append(wl.ones([2]))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wl.tidy(fails)
    assert made[0].is_disposed

    async def later():
        return 1

    with pytest.raises(TypeError, match="async"):
        wl.tidy(later)
    with pytest.raises(TypeError, match="wants a function"):
        wl.tidy(3)


def test_what_is_traced_in_a_tidy_lives_on():
    @wl.function
    def scaled(x):
        return wl.tidy(lambda: x * wl.tensor([2.0, 3.0]))

    model = wl.sequential([wl.layers.dense(2, input_shape=[3])])
    for _ in range(2):
        with wl.tidy():
            assert scaled(wl.ones([2])).array_sync() == [2, 3]
            first = model.predict(wl.ones([1, 3])).array_sync()
            assert wl.grad(lambda v: wl.tidy(lambda: v * wl.scalar(4.0)))(wl.scalar(1.0)).array_sync() == 4
    assert scaled(wl.ones([2])).array_sync() == [2, 3]
    assert model.predict(wl.ones([1, 3])).array_sync() == first


def test_profiles_and_times():
    async def work():
        return wl.relu(wl.ones([4, 4]) * 2)

    found = asyncio.run(wl.profile(work))
    assert found.kernelNames == ["mul", "relu"] and found["newTensors"] == 1
    assert found.new_bytes == 64 and found.peak_bytes >= found.new_bytes
    assert found.kernels[0].output_shapes == [(4, 4)] and found.kernels[1].bytes_added == 64
    assert found.result.shape == (4, 4)
    taken = asyncio.run(wl.time(lambda: wl.ones([2]) + 1))
    assert 0 < taken.wallMs <= taken.kernel_ms


def test_ten_thousand_ops_end_with_the_memory_they_began_with():
    x = wl.tensor2d(np.eye(3, dtype=np.float32))
    y = x
    y = wl.tanh(y @ x + 0.5)
    gc.collect()
    before = wl.memory()
    for i in range(2500):
        y = wl.tanh(y @ x + i / 2500)
        values = wl.topk(y, 2)
    del values
    assert wl.memory() == before


def test_failed_calls_and_cycles_keep_nothing():
    gc.collect()
    before = wl.memory()["num_tensors"]
    for _ in range(20):
        with pytest.raises(ValueError):
            wl.mat_mul(wl.ones([2, 3]), wl.ones([2, 3]))
        t = wl.ones([4])
        t.mine = [t]
    del t
    gc.collect()
    assert wl.memory()["num_tensors"] == before


def test_disposed_tensors_are_refused():
    t = wl.ones([2])
    t.dispose()
    for use in (t.array_sync, lambda: t + 1, lambda: wl.concat([t, t]), t.clone, lambda: float(t.sum())):
        with pytest.raises(RuntimeError, match=r"Tensor is disposed"):
            use()


def test_integers_are_refused_where_they_are_not_exact():
    most = wl.scalar(2**24, "int32")
    assert int(most) == 2**24 and int(most - 1) == 2**24 - 1
    for value in (most * 2, wl.scalar(-(2**24), "int32") - 1, wl.prod(wl.fill([30], 2, "int32"))):
        with pytest.raises(OverflowError, match="exact up to"):
            value.array_sync()
    with pytest.raises(ValueError, match="up to 2\\^24"):
        wl.tensor1d([2**24 + 1], "int32")


def test_lists_of_tensors_may_hold_arrays_and_lists():
    assert wl.concat([[1, 2], np.ones(1, np.float32)]).array_sync() == [1, 2, 1]
    assert wl.stack([[1, 2], [3, 4]], 1).array_sync() == [[1, 3], [2, 4]]
    assert wl.add_n([[1, 2], wl.ones([2])]).array_sync() == [2, 3]
    assert wl.concat([[1j], [2]]).array_sync() == [1j, 2]
    assert wl.function(lambda x: wl.concat([x, [5.0]]))(wl.ones([1])).array_sync() == [1, 5]


def test_bytes_are_for_storage():
    x = wl.tensor(np.array([200, 100], np.uint8))
    assert x.dtype == "uint8" and wl.concat([x, x]).dtype == "int32" and x[1:].array_sync() == [100]
    assert (x + x).dtype == "int32" and (x + x).array_sync() == [400, 200]
    assert (x - 250).array_sync() == [-50, -150] and (-x).array_sync() == [-200, -100]
    assert (x / 255).dtype == "float32" and wl.sum(x).array_sync() == 300
    assert (-wl.tensor([True, False])).array_sync() == [-1, 0]


# -- integers ---------------------------------------------------------------------------------------------------------


def test_integers_that_become_too_large_are_an_error_and_no_other_integers(backend):
    def ints(*values):
        return wl.tensor(values, dtype="int32")

    a = ints(65536)
    for large in (
        a * a,
        wl.prod(ints(2**16, 2**15, 3)),
        wl.sum(ints(2**24, 2**24)),
        -(a * a),
        wl.pow(ints(2), ints(40)),
    ):
        with pytest.raises(OverflowError, match="has come to .* exact up to 2.24"):
            large.numpy()
    # what is too large on the way is not taken for something else
    assert wl.floor_div(a * a, a).array_sync() == [65536]
    assert wl.function(lambda x: wl.floor_div(x * x, x))(a).array_sync() == [65536]
    assert (ints(2**24) - 1).array_sync() == [2**24 - 1]
    assert wl.cast(wl.tensor([-2.7, 2.7]), "int32").array_sync() == [-2, 2]


# -- as NumPy's arrays ------------------------------------------------------------------------------------------------


def test_equality_is_of_each_pair(backend):
    t = wl.tensor([[1.0, 2.0], [3.0, np.nan]])
    assert (t == 2).array_sync() == [[False, True], [False, False]]
    assert (t != [1, 2]).array_sync() == [[False, False], [True, True]]
    assert (t == t).array_sync() == [[True, True], [True, False]]
    assert (np.ones((2, 2), np.float32) == t).array_sync() == [[True, False], [False, False]]
    assert (wl.tensor(["a", "b"]) == "a").array_sync() == [True, False]
    assert (wl.complex([1.0], [2.0]) != wl.complex([1.0], [2.0])).array_sync() == [False]
    # what is no value
    assert (t == None) is False and (t != None) is True and (t == "auto") is False  # noqa: E711
    assert wl.function(lambda x: wl.where(x == 2, 0, x))(wl.tensor([1.0, 2.0])).array_sync() == [1, 0]
    with pytest.raises(ValueError, match="broadcast"):
        t == wl.ones([3])  # noqa: B015


def test_tensors_are_keys_by_what_they_are():
    a, b = wl.tensor([1.0, 2.0]), wl.tensor([1.0, 2.0])
    v = wl.variable(a)
    found = {a: "a", b: "b", v: "v", wl.complex(a, b): "c"}
    assert (found[a], found[b], found[v]) == ("a", "b", "v") and len(found) == 4
    assert a in found and a in {a} and wl.tensor([1.0, 2.0]) not in found


def test_methods_of_arrays(backend):
    t = wl.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])
    for shaped in (t.reshape(3, 2), t.reshape([3, 2]), t.reshape(-1, 2), t.reshape((3, 2)), t.reshape(shape=[3, 2])):
        assert shaped.array_sync() == [[1, 2], [3, 4], [5, 6.5]]
    assert t.reshape(6).shape == t.reshape(-1).shape == (6,) and wl.ones([1]).reshape([]).shape == ()
    with pytest.raises(TypeError, match="shape twice"):
        t.reshape(6, shape=[6])
    assert t.T.shape == (3, 2) and t.ndim == 2 and t.tolist() == t.array_sync()
    assert t.item(1, 2) == 6.5 and wl.scalar(3).item() == 3
    with pytest.raises(ValueError, match="size 1"):
        t.item()
    kinds = {"int32": ("int32", int, np.int64), "float32": ("float32", float, np.float16), "bool": (bool, np.bool_)}
    for name, given in kinds.items():
        assert [t.astype(kind).dtype for kind in given] == [name] * len(given)
    assert t.astype(int).tolist() == [[1, 2, 3], [4, 5, 6]]
    copy = t.copy()
    t.dispose()
    assert copy.item(0, 1) == 2


def test_numpys_functions(backend):
    t = wl.tensor([[1.0, 2.0], [3.0, 4.0]]) + 0
    assert np.mean(t) == 2.5 and np.sum(t, axis=0).tolist() == [4, 6] and np.argmax(t) == 3
    assert np.stack([t, np.zeros((2, 2))]).shape == (2, 2, 2) and np.concatenate((t, t)).shape == (4, 2)
    assert np.exp(t).shape == (2, 2) and np.allclose(t, t) and np.array_equal(t, t.numpy())
    assert np.where(t > 2, t, 0).tolist() == [[0, 0], [3, 4]]
    assert np.sum(wl.complex([3.0, 1.0], [4.0, 0.0])) == 4 + 4j


def test_numpys_functions_in_a_trace():
    assert wl.function(lambda x: x * np.ndim(x) + np.shape(x)[0])(wl.ones([3])).tolist() == [4, 4, 4]
    with pytest.raises(TypeError, match="symbolic tensor.*no values"):
        wl.function(lambda x: np.mean(x))(wl.ones([3]))


def test_what_is_no_number_is_no_integer_either(backend):
    """The same on every backend: fractions are cut off, and what is infinite or no number is 0."""
    assert wl.pow(wl.tensor1d([2, 1, 3], "int32"), wl.tensor1d([-1, -2, 2], "int32")).array_sync() == [0, 1, 9]
    assert wl.cast(wl.tensor1d([np.nan, np.inf, -2.7]), "int32").array_sync() == [0, 0, -2]
    with pytest.raises(ValueError, match="it is empty"):
        wl.arg_max(wl.zeros([0, 3]), 0)


def test_ones_like_what_stands_for_a_tensor_of_a_model():
    inputs = wl.input(shape=[2])
    model = wl.model(inputs=inputs, outputs=wl.ones_like(inputs) + wl.zeros_like(inputs))
    assert wl.model_from_json(model.to_json()) is not None
    assert model.predict(wl.fill([3, 2], 7)).array_sync() == [[1, 1]] * 3


def test_bytes_begin_anew_beyond_255(backend):
    values = wl.tensor([-300.5, -1, -0.5, 2.7, 255.9, 256, 1000])
    wanted = [212, 255, 0, 2, 255, 0, 232]
    assert wl.cast(values, "uint8").array_sync() == wl.cast(wl.cast(values, "int32"), "uint8").array_sync() == wanted
    halved = wl.function(lambda x: wl.cast(wl.cast(x, "uint8"), "float32") / 2)
    assert halved(values).array_sync() == [v / 2 for v in wanted]
    assert wl.cast(wl.tensor([True, False]), "uint8").array_sync() == [1, 0]


def test_variables_need_no_name():
    """Each has one of its own; numbers and lists are values."""
    made = [wl.Variable(0.5), wl.Variable([1, 2], trainable=False), wl.variable(wl.scalar(2.0))]
    assert len({v.name for v in made}) == 3 and all(v.name.startswith("variable_") for v in made)
    assert [v.shape for v in made] == [(), (2,), ()] and [v.trainable for v in made] == [True, False, True]
    assert wl.Variable(np.zeros(2), "w").name == "w"
