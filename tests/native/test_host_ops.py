"""Ops that find, count and match, many of them on the host, as TensorFlow.js 4.22 computes them."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests import slopes


def ints(values):
    return wl.tensor(np.array(values, np.int32))


def on_device(values):
    """A tensor whose values only the device has."""
    return wl.add(wl.tensor(values), 0)


def lists(tensors):
    return [t.array_sync() for t in tensors]


def awaited(call):
    async def main():
        return await call()

    return asyncio.run(main())


def test_where_and_masks():
    condition = wl.tensor([[True, False], [False, True]])
    assert awaited(lambda: wl.where_async(condition)).array_sync() == [[0, 0], [1, 1]]
    nothing = awaited(lambda: wl.whereAsync(on_device([0.0, 0.0])))
    assert (nothing.shape, nothing.dtype) == ((0, 1), "int32")
    x = on_device(np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2))
    assert awaited(lambda: wl.boolean_mask_async(x, condition, 1)).array_sync() == [[1, 4], [5, 8]]
    assert awaited(lambda: wl.boolean_mask_async(x, condition)).array_sync() == [[1, 2], [7, 8]]
    assert awaited(lambda: wl.boolean_mask_async(x, [False, False], -1)).shape == (2, 2, 0)
    with pytest.raises(ValueError, match="does not match the axes from 0"):
        awaited(lambda: wl.boolean_mask_async(x, [True, False, True]))


def test_set_difference():
    left = awaited(lambda: wl.setdiff1d_async(on_device([1, 2, 3, 2, np.nan]), [2, np.nan]))
    assert lists(left) == [[1, 3], [0, 2]]
    assert [t.dtype for t in awaited(lambda: wl.setdiff1dAsync(ints([4]), ints([4])))] == ["int32", "int32"]
    with pytest.raises(TypeError, match="one dtype, got float32 and int32"):
        awaited(lambda: wl.setdiff1d_async([1], ints([1])))


def test_in_top_k():
    found = awaited(lambda: wl.in_top_k_async(on_device([[0.5, 0.5, 0.1], [0.1, 0.2, 0.3]]), [1, 7]))
    assert found.array_sync() == [False, False] and found.dtype == "bool"
    assert awaited(lambda: wl.inTopKAsync([[0.5, 0.5, 0.1]], [1], 2)).array_sync() == [True]
    with pytest.raises(ValueError, match="the number of classes, 3, got 4"):
        awaited(lambda: wl.in_top_k_async([[0.5, 0.5, 0.1]], [1], 4))


def test_unique():
    x = on_device([[1, 2], [np.nan, 2], [1, 2], [np.nan, 2]])
    found = x.unique()
    np.testing.assert_array_equal(found["values"].numpy(), [[1, 2], [np.nan, 2]])
    assert found["indices"].array_sync() == [0, 1, 0, 1]
    assert lists(wl.unique(ints([[3, 1, 3], [0, 0, 0]]), 1).values()) == [[[3, 1], [0, 0]], [0, 1, 0]]
    assert wl.unique(wl.tensor([0.0, -0.0])).indices.array_sync() == [0, 0]


def test_bounds():
    assert wl.upper_bound([[1, 3, 3, 5]], [[3, 0, 9]]).array_sync() == [[3, 0, 4]]
    assert wl.lowerBound([1, 3, 3, 5], [3, 0, 9]).array_sync() == [[1, 0, 4]]
    with pytest.raises(ValueError, match="as many rows"):
        wl.search_sorted([[1, 2], [3, 4]], [[1]])


def test_bits():
    x, y = ints([-5, 16777215, -16777216, 12345678, -1]), ints([14, -2, 16777215, -87654, -16777216])
    assert wl.bitwise_and(x, y).array_sync() == [10, 16777214, 0, 12329226, -16777216]
    with pytest.raises(TypeError, match="int32"):
        wl.bitwise_and([1], [1])


def test_counts():
    assert wl.bincount(ints([1, 1, 7]), ints([2, 3, 4]), 3).array_sync() == [0, 5, 0]
    rows = ints([[1, 1], [0, 5]])
    assert wl.denseBincount(rows, wl.tensor2d([[1, 2], [3, 4]]), 3).array_sync() == [[0, 3, 0], [3, 0, 0]]
    assert wl.dense_bincount(rows, [], 3, True).array_sync() == [[0, 1, 0], [1, 0, 0]]
    assert wl.bincount(on_device(np.array([-1, 1], np.int32)), None, 2).array_sync() == [0, 1]
    with pytest.raises(TypeError, match="x as int32"):
        wl.bincount([1], [], 3)
    with pytest.raises(ValueError, match="has -1"):
        wl.bincount(ints([-1]), [], 3)
    with pytest.raises(ValueError, match="as many weights as values"):
        wl.bincount(ints([1, 2]), [1.0], 3)


def test_shapes():
    assert wl.broadcast_args(ints([3, 1]), ints([2, 1, 5])).array_sync() == [2, 3, 5]
    with pytest.raises(ValueError, match="cannot be broadcast"):
        wl.broadcast_args([2], [3])
    x = wl.ones([2, 3])
    assert x.ensure_shape([2, None]) is x
    with pytest.raises(ValueError, match=r"shape \[2, 3\] is not of shape \[2, 4\]"):
        wl.ensureShape(x, [2, 4])


def test_confusion():
    found = wl.math.confusionMatrix(ints([0, 2, 1, 2]), ints([0, 1, 1, 2]), 3)
    assert found.array_sync() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]] and found.dtype == "int32"
    with pytest.raises(ValueError, match="two vectors of one size"):
        wl.math.confusion_matrix([0, 1], [0], 2)


def test_sparse_to_dense_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"expected \[n, 2\]"):
        wl.sparse_to_dense(ints([0, 1]), [1, 2], [2, 2])
    with pytest.raises(ValueError, match="one value or 2"):
        wl.sparse_to_dense(ints([0, 1]), [1, 2, 3], [4])


def test_filled_rows():
    filled = wl.sparse.sparseFillEmptyRows(ints([[3, 1], [0, 2]]), on_device([1.0, 2.0]), ints([4, 3]), -1)
    assert filled["outputIndices"].array_sync() == [[0, 2], [1, 0], [2, 0], [3, 1]]
    assert filled["output_values"].array_sync() == [2, -1, -1, 1]
    assert filled["empty_row_indicator"].array_sync() == [False, True, True, False]
    assert filled["reverse_index_map"].array_sync() == [3, 0]
    with pytest.raises(ValueError, match="row 4 is out of range for 4 rows"):
        wl.sparse.sparse_fill_empty_rows(ints([[4, 1]]), [1.0], ints([4, 3]), -1)


def test_sparse_reshape_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"6 elements of shape \[2, 3\] cannot have the shape \[4, 1\]"):
        wl.sparse.sparse_reshape(ints([[0, 1]]), ints([2, 3]), ints([4, -1]))
    with pytest.raises(ValueError, match="indices of 2 coordinates"):
        wl.sparse.sparse_reshape(ints([[0, 1]]), ints([6]), ints([2, 3]))


def test_segments():
    data = on_device([[1.0, 2], [3, 4], [5, 6]])
    ids = on_device(np.array([0, 0, 2], np.int32))
    rows = on_device(np.array([0, 2, 1], np.int32))
    assert wl.sparse.sparse_segment_sum(data, rows, ids).array_sync() == [[6, 8], [0, 0], [3, 4]]
    assert wl.sparse.sparseSegmentMean(data, rows, ids).array_sync() == [[3, 4], [0, 0], [3, 4]]
    assert wl.sparse.sparse_segment_mean(ints([-1, -2]), ints([0, 1]), ints([0, 0])).array_sync() == [-1]
    assert wl.sparse.sparse_segment_mean(data, ints([]), ints([])).shape == (0, 2)
    with pytest.raises(ValueError, match="must ascend from 0 on"):
        wl.sparse.sparse_segment_sum(data, ints([0, 1]), ints([1, 0]))
    with pytest.raises(IndexError, match="index 3 is out of range"):
        wl.sparse.sparse_segment_sum(data, ints([3]), ints([0]))


def test_rows_of_ragged_tensors():
    splits, values = [ints([0, 3, 3, 4])], on_device([1.0, 2, 3, 4])
    rows = wl.raggedGather(splits, values, ints([[2, 0], [1, 1]]), 2)
    assert lists(rows["outputNestedSplits"]) == [[0, 2, 4], [0, 1, 4, 4, 4]]
    assert rows["output_dense_values"].array_sync() == [4, 1, 2, 3]
    assert wl.ragged_gather(splits, values, ints([1]), 1)["output_dense_values"].shape == (0,)
    with pytest.raises(IndexError, match="no row 3 in a ragged tensor of 3 rows"):
        wl.ragged_gather(splits, values, ints([3]), 1)
    with pytest.raises(ValueError, match="splits must ascend from 0 to at most 4"):
        wl.ragged_gather([ints([0, 5])], values, ints([0]), 1)


def test_ragged_ranges():
    rows = wl.raggedRange(5.0, [2.0, 6.0], -1.5)
    assert rows["rtNestedSplits"].array_sync() == [0, 2, 2]
    assert rows["rt_dense_values"].array_sync() == [5, 3.5]
    with pytest.raises(ValueError, match="deltas must not be 0"):
        wl.ragged_range(0, 1, 0)
    with pytest.raises(ValueError, match="vectors of one size"):
        wl.ragged_range([0, 1], [1, 2, 3], 1)


def test_ragged_tensors_filled_up():
    values, splits = on_device([[1.0, 2], [3, 4], [5, 6]]), [ints([0, 1, 3])]
    whole = wl.ragged_tensor_to_tensor(-1, values, [7, 8], splits, ["ROW_SPLITS"])
    assert whole.array_sync() == [[[1, 2], [7, 8]], [[3, 4], [5, 6]]]
    cut = wl.raggedTensorToTensor([3, 1, -1], values, 0, splits, ["ROW_SPLITS"])
    assert cut.array_sync() == [[[1, 2]], [[3, 4]], [[0, 0]]]
    with pytest.raises(ValueError, match="shape must be 3 sizes"):
        wl.ragged_tensor_to_tensor([2], values, 0, splits, ["ROW_SPLITS"])
    with pytest.raises(ValueError, match="'FIRST_DIM_SIZE' first or not at all"):
        wl.ragged_tensor_to_tensor(-1, values, 0, splits, ["ROW_LENGTHS"])
    with pytest.raises(ValueError, match="partitions are of 2 values, but 3"):
        wl.ragged_tensor_to_tensor(-1, values, 0, [ints([0, 1, 2])], ["ROW_SPLITS"])


def test_gradients():
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    slopes.check(wl.diag, x)
    slopes.check(lambda v: wl.sparse_to_dense(ints([3, 1]), v, [5]), x[:, 0])
    slopes.check(lambda w: wl.bincount(ints([1, 0, 1]), w, 3), x[0])
    rows, ids = ints([1, 0, 1]), ints([0, 0, 2])
    slopes.check(lambda v: wl.sparse.sparse_segment_mean(v, rows, ids), x)
    slopes.check(lambda v: wl.ragged_gather([ints([0, 1, 3])], v, rows, 1)["output_dense_values"], x[0])
    slopes.check(lambda v: wl.ragged_tensor_to_tensor(-1, v, 0, [ints([0, 1, 3])], ["ROW_SPLITS"]), x[0])
