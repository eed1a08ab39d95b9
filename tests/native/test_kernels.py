"""Recorded calls of TensorFlow.js' kernels, made again as ops."""

import pytest

from tests import kernel_cases
from tests.golden import kernels


def test_no_recorded_kernel_is_left_out():
    assert {c["kernel"] for c in kernels()} == kernel_cases.SAME


@pytest.mark.parametrize("kernel", sorted(kernel_cases.SAME))
def test_recorded_calls(kernel):
    cases = [c for c in kernels() if c["kernel"] == kernel and kernel_cases.is_supported(c)]
    assert cases
    for case in cases:
        if kernel_cases.is_too_large(case):
            with pytest.raises((OverflowError, ValueError), match="exact up to"):
                [t.numpy() for t in kernel_cases.called(case)]
        elif not kernel_cases.is_departure(case):
            kernel_cases.compared([(t.numpy(), t.dtype) for t in kernel_cases.called(case)], case)
