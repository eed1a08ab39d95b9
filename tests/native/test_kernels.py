"""Recorded calls of TensorFlow.js' kernels, made again as ops."""

import pytest

from tests import kernel_cases
from tests.golden import kernels


@pytest.mark.parametrize("kernel", sorted(kernel_cases.SAME | kernel_cases.ON_STRINGS))
def test_recorded_calls(kernel):
    cases = [c for c in kernels() if c["kernel"] == kernel and kernel_cases.is_supported(c)]
    assert cases
    for case in cases:
        if not kernel_cases.is_departure(case):
            kernel_cases.compared([(t.numpy(), t.dtype) for t in kernel_cases.called(case)], case)
