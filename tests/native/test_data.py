"""Data sets: what streams through them, in which order, how many, and how models train on them."""

import asyncio
import math

import numpy as np
import pytest

import weblayers as wl


def collected(dataset):
    """The elements as `async for` gives them."""
    return asyncio.run(dataset.to_array())


def counter(count, asynchronous=False):
    """A generator function of numbers."""

    def numbers():
        yield from range(count)

    async def waiting():
        for i in range(count):
            await asyncio.sleep(0)
            yield i

    return waiting if asynchronous else numbers


# -- sources -----------------------------------------------------------------------------------------------------------


def test_lists_give_their_elements_as_they_are():
    items = [1, "two", [3, 4], {"five": 5}, None]
    dataset = wl.data.array(items)
    assert list(dataset) == collected(dataset) == items and dataset.size == 5
    items.append(6)
    assert len(list(dataset)) == 5


def test_arrays_give_rows():
    x, y = np.arange(6.0).reshape(3, 2), np.array(["a", "b", "c"])
    rows = list(wl.data.array(x))
    assert all(isinstance(r, np.ndarray) for r in rows) and np.array_equal(rows, x)
    pairs = list(wl.data.from_tensor_slices((x, {"y": y})))
    assert [p[1]["y"] for p in pairs] == ["a", "b", "c"] and pairs[2][0].tolist() == [4, 5]
    tensors = list(wl.data.array(wl.tensor2d([[1, 2], [3, 4]], [2, 2], "int32")))
    assert [t.array_sync() for t in tensors] == [[1, 2], [3, 4]] and tensors[0].dtype == "int32"


def test_arrays_of_a_data_set_must_have_equally_many_rows():
    with pytest.raises(ValueError, match=r"equally many rows, got \[2, 3\]"):
        wl.data.array((np.zeros(2), np.zeros(3)))
    with pytest.raises(ValueError, match="a scalar has no rows"):
        wl.data.array(np.array(1.0))
    with pytest.raises(TypeError, match=r"got generator: for a generator there is wl.data.generator\(\)"):
        wl.data.array(i for i in range(3))


@pytest.mark.parametrize("asynchronous", [False, True])
def test_generators_begin_anew(asynchronous):
    dataset = wl.data.generator(counter(3, asynchronous))
    assert dataset.size is None
    assert collected(dataset) == collected(dataset) == [0, 1, 2]


def test_generators_may_be_what_javascript_has():
    class Countdown:
        def __init__(self):
            self.left = 3

        def next(self):
            self.left -= 1
            return {"value": self.left, "done": self.left < 0}

    async def later():
        await asyncio.sleep(0)
        return Countdown()

    assert list(wl.data.generator(Countdown)) == collected(wl.data.generator(later)) == [2, 1, 0]
    with pytest.raises(TypeError, match="takes a function that makes a generator, got generator"):
        wl.data.generator(counter(3)())
    with pytest.raises(TypeError, match="gave int, which is nothing to iterate over"):
        list(wl.data.generator(lambda: 3))


def test_functions_are_called_until_they_are_done():
    left = [3, 2, 1]

    async def pop():
        return wl.data.IteratorResult(left.pop(), False) if left else {"done": True}

    dataset = wl.data.func(pop)
    assert collected(dataset.take(2)) == [1, 2]
    assert collected(dataset) == [3] and collected(dataset) == []
    with pytest.raises(TypeError, match="gives {'value': ..., 'done': ...}, got 7"):
        list(wl.data.func(lambda: 7))


def test_zip_goes_as_far_as_the_shortest():
    a, b = wl.data.array([1, 2, 3]), wl.data.array([4, 5])
    zipped = wl.data.zip({"a": a, "more": [b, {"a": a}]})
    assert zipped.size == 2
    assert (
        collected(zipped)
        == list(zipped)
        == [
            {"a": 1, "more": [4, {"a": 1}]},
            {"a": 2, "more": [5, {"a": 2}]},
        ]
    )
    assert wl.data.zip([a, a.repeat()]).size == 3
    assert wl.data.zip([a, wl.data.generator(counter(9))]).size is None
    with pytest.raises(TypeError, match="Leaves of the structure passed to zip.. must be Datasets, got int"):
        wl.data.zip([a, 3])
    with pytest.raises(TypeError, match="must be a dictionary, list or tuple, got Dataset"):
        wl.data.zip(a)


# -- on the way --------------------------------------------------------------------------------------------------------

TEN = wl.data.array(list(range(10)))
ROWS = wl.data.array(np.arange(10))
UNKNOWN = wl.data.generator(counter(10))
ENDLESS = TEN.repeat()


@pytest.mark.parametrize("source", [TEN, ROWS, UNKNOWN, wl.data.generator(counter(10, True))])
def test_elements_on_their_way(source):
    def now(dataset):
        return [int(x) for x in collected(dataset)]

    assert now(source.map(lambda x: x + 1)) == list(range(1, 11))
    assert now(source.filter(lambda x: x % 3 == 0)) == [0, 3, 6, 9]
    assert now(source.take(3)) == now(source.take(12).take(3)) == [0, 1, 2]
    assert now(source.take(0)) == now(source.skip(10)) == now(source.skip(12)) == now(source.skip(-1)) == []
    assert now(source.take(-1)) == now(source.skip(0)) == now(source.prefetch(3)) == list(range(10))
    assert now(source.skip(2).take(3).skip(1)) == [3, 4]
    assert now(source.concatenate(TEN.take(2))) == [*range(10), 0, 1]
    assert now(source.repeat(2)) == [*range(10), *range(10)] and now(source.repeat(0)) == []
    assert now(source.repeat().take(25)) == [*range(10), *range(10), *range(5)]
    assert [b.array_sync() for b in collected(source.batch(4))] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [b.shape for b in collected(source.batch(4, False))] == [(4,), (4,)]

    async def negative(x):
        await asyncio.sleep(0)
        return -x

    assert now(source.map_async(negative)) == [-i for i in range(10)]


def test_nothing_is_read_before_or_beyond_what_is_asked_for():
    read = []

    def numbers():
        for i in range(10):
            read.append(i)
            yield i

    dataset = wl.data.generator(numbers).map(lambda x: x).take(3).batch(2)
    assert not read
    next(iter(dataset))
    assert read == [0, 1]
    list(dataset)
    assert read == [0, 1, 0, 1, 2]


SIZES = {
    "batch": (lambda d: d.batch(4), (3, None, math.inf)),
    "batch without the rest": (lambda d: d.batch(4, False), (2, None, math.inf)),
    "filter": (lambda d: d.filter(bool), (None, None, math.inf)),
    "map": (lambda d: d.map(bool).mapAsync(bool).prefetch(1).shuffle(2), (10, None, math.inf)),
    "concatenate": (lambda d: d.concatenate(TEN), (20, None, math.inf)),
    "concatenate the unknown": (lambda d: d.concatenate(UNKNOWN), (None, None, math.inf)),
    "concatenate the endless": (lambda d: d.concatenate(ENDLESS), (math.inf, math.inf, math.inf)),
    "repeat": (lambda d: d.repeat(), (math.inf, None, math.inf)),
    "repeat twice": (lambda d: d.repeat(2), (20, None, math.inf)),
    "repeat never": (lambda d: d.repeat(0), (0, 0, 0)),
    "take": (lambda d: d.take(3), (3, None, 3)),
    "take more": (lambda d: d.take(30), (10, None, 30)),
    "skip": (lambda d: d.skip(3), (7, None, math.inf)),
    "skip more": (lambda d: d.skip(30), (0, None, math.inf)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    change, expected = SIZES[name]
    assert tuple(change(d).size for d in (TEN, UNKNOWN, ENDLESS)) == expected
    assert change(ROWS).size == expected[0]


@pytest.mark.parametrize("source", [TEN, ROWS])
@pytest.mark.parametrize("buffer", [1, 4, 10, 100])
def test_shuffling(source, buffer):
    def order(dataset):
        return [int(x) for x in dataset]

    first = order(source.shuffle(buffer, seed=1))
    assert sorted(first) == list(range(10)) and (first == list(range(10))) == (buffer == 1)
    # nothing comes before the buffer has reached it
    assert all(element < i + buffer for i, element in enumerate(first))
    anew, kept = source.shuffle(buffer, 1), source.shuffle(buffer, 1, False)
    assert order(anew) == order(kept) == order(kept) == first
    assert (order(anew) == first) == (buffer == 1)


def test_all_orders_are_equally_likely():
    wl.set_random_seed(0)
    dataset = wl.data.array([0, 1, 2]).shuffle(3)
    counts = {}
    for _ in range(600):
        order = tuple(dataset)
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6 and min(counts.values()) > 60


def test_the_global_seed_fixes_shuffling():
    wl.set_random_seed(5)
    first = [list(TEN.shuffle(10)), list(TEN.shuffle(3))]
    wl.set_random_seed(5)
    assert [list(TEN.shuffle(10)), list(TEN.shuffle(3))] == first


def test_prefetched_elements_are_made_ahead():
    made = []

    def numbers():
        for i in range(10):
            made.append(i)
            yield i

    async def main():
        iterator = await wl.data.generator(numbers).prefetch(3).iterator()
        await iterator.next()
        await asyncio.sleep(0.01)
        return len(made), [x async for x in iterator]

    ahead, rest = asyncio.run(main())
    # three wait, and one more for a place
    assert ahead == 5 and rest == list(range(1, 10))


def test_errors_pass_through():
    def numbers():
        yield 1
        raise KeyError("here")

    for dataset in (wl.data.generator(numbers), wl.data.generator(numbers).prefetch(2).batch(1).map(lambda x: x)):
        with pytest.raises(KeyError, match="here"):
            collected(dataset)
        with pytest.raises(KeyError, match="here"):
            list(dataset)


def test_who_has_to_wait_says_so():
    with pytest.raises(TypeError, match="use `async for` instead of `for`"):
        list(wl.data.generator(counter(3, True)))

    async def main():
        return [list(TEN.prefetch(3)), next(iter(ROWS.batch(10))).array_sync()]

    assert asyncio.run(main()) == [list(range(10))] * 2


def test_mistakes_are_told_early():
    with pytest.raises(ValueError, match=r"batch_size of batch\(\) must be at least 1, got 0"):
        TEN.batch(0)
    with pytest.raises(TypeError, match=r"count of take\(\) must be a whole number, got 2.5"):
        ROWS.take(2.5)
    with pytest.raises(ValueError, match="requires buffer_size to be specified.* this one has 10"):
        TEN.shuffle()
    with pytest.raises(ValueError, match="requires buffer_size"):
        TEN.prefetch()
    with pytest.raises(TypeError, match="takes another data set, got list"):
        TEN.concatenate([1])
    with pytest.raises(ValueError, match="Can not convert infinite data stream to array"):
        asyncio.run(ENDLESS.to_array())
    with pytest.raises(AttributeError, match="no attribute 'bach'. Did you mean 'batch'"):
        TEN.bach(3)

    async def later(x):
        return x

    with pytest.raises(TypeError, match=r"use map_async\(\)"):
        list(TEN.map(later))


# -- iterators ---------------------------------------------------------------------------------------------------------


def test_iterators_have_what_those_of_tensorflow_js_have():
    async def main():
        iterator = await TEN.iterator()
        first = await iterator.next()
        rows = await iterator.take(4).rowMajorBatch(3).toArray()
        rest = await (await TEN.iterator()).skip(6).filter(lambda x: x != 7).map(str).toArray()
        seen = []
        await (await TEN.iterator()).map(seen.append).resolveWhile(lambda x: len(seen) < 3)
        await (await TEN.iterator()).take(1).map(seen.append).resolveFully()
        return first, rows, rest, seen

    first, rows, rest, seen = asyncio.run(main())
    assert (first.value, first.done) == (0, False)
    assert rows == [[1, 2, 3], [4]] and rest == ["6", "8", "9"] and seen == [0, 1, 2, 0]


def test_for_each_waits_for_functions():
    seen = []

    async def slowly(x):
        await asyncio.sleep(0)
        seen.append(x)

    asyncio.run(TEN.take(3).forEachAsync(slowly))
    TEN.take(2).for_each(seen.append)
    assert seen == [0, 1, 2, 0, 1]


# What TensorFlow.js' users look for.
SURFACE = {
    wl.data: "array zip csv func generator microphone webcam CSVDataset Dataset FileDataSource TextLineDataset"
    " URLDataSource",
    TEN: "batch concatenate filter forEachAsync map mapAsync prefetch repeat skip shuffle take toArray iterator size",
    iter(TEN): "next toArray resolveFully resolveWhile filter map mapAsync forEachAsync rowMajorBatch columnMajorBatch"
    " concatenate take skip prefetch shuffle",
    wl.data.csv("a\n1"): "columnNames",
    wl.data.WebcamIterator: "capture stop next",
    wl.data.MicrophoneIterator: "capture stop next get_sample_rate",
}


@pytest.mark.parametrize("owner", SURFACE, ids=lambda o: getattr(o, "__name__", type(o).__name__))
def test_every_name_is_there(owner):
    assert [name for name in SURFACE[owner].split() if not hasattr(owner, name)] == []
