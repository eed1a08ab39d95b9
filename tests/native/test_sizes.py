"""Sizes that no memory holds, and numbers that are made of truth values."""

import pytest

import weblayers as wl


@pytest.mark.parametrize(
    "make", [lambda: wl.zeros([2**31, 2**31]), lambda: wl.random_normal([2**31, 2**31]), lambda: wl.eye(2**31)]
)
def test_what_no_memory_holds_is_said_with_its_shape(make):
    with pytest.raises(MemoryError, match=r"shape \[2147483648, 2147483648\] takes .* GiB"):
        make()


def test_truth_values_that_are_subtracted_count(backend):
    a, b = wl.tensor([True, False, True]), wl.tensor([True, True, False])
    found = a - b
    assert found.dtype == "int32" and found.array_sync() == [0, -1, 1]
    assert (a % b).array_sync() == wl.mod(wl.cast(a, "int32"), wl.cast(b, "int32")).array_sync()
