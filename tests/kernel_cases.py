"""Recorded calls of TensorFlow.js' kernels as calls of ops. Needs no files, so that pages can have it."""

import numpy as np

import weblayers as wl
from weblayers import naming

# Kernels that are called otherwise, here with their recorded attributes; all else goes by the kernel's name.
NAMES = {
    "BatchMatMul": "mat_mul",
    "GatherV2": "gather",
    "IsNan": "is_nan",
    "Multiply": "mul",
    "Neg": "neg",
    "Pack": "stack",
    "PadV2": "pad",
    "RealDiv": "div",
    "Select": "where",
    "SplitV": "split",
    "TopK": "topk",
    "Unpack": "unstack",
}
_KERNELS = """
Abs Acos Acosh Add AddN All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul BatchToSpaceND Ceil
ClipByValue Concat Cos Cosh Cumprod Cumsum DepthToSpace Elu Equal Erf Exp ExpandDims Expm1 Floor FloorDiv
GatherNd GatherV2 Greater GreaterEqual IsFinite IsInf IsNan LeakyRelu Less LessEqual Log Log1p LogicalAnd
LogicalNot LogicalOr Max Maximum Mean Min Minimum MirrorPad Mod Multiply Neg NotEqual OneHot OnesLike Pack PadV2
Pow Prelu Prod RealDiv Reciprocal Relu Relu6 Reverse Round Rsqrt ScatterNd Select Selu Sigmoid Sign Sin Sinh
Slice Softmax Softplus SpaceToBatchND SplitV Sqrt Square SquaredDifference Step StridedSlice Sub Sum Tan Tanh
TensorScatterUpdate Tile TopK Transpose Unpack UnsortedSegmentSum ZerosLike
"""
SAME = frozenset(_KERNELS.split())
# What the kernels call otherwise than the ops.
ATTRIBUTES = {"dim": "axis", "dims": "axis", "reduction_indices": "axis"}
# Of kinds that do not exist here.
OTHER_DTYPES = ("string", "complex64")
# Where another result is wanted, and why.
DEPARTURES = {"Sign": "of NaN it is NaN, as in NumPy and Keras; TensorFlow.js says 0"}


def array(value):
    kinds = {"float32": np.float32, "bool": np.bool_, "int32": np.int32}
    return np.array(value["data"], np.float64).astype(kinds[value["dtype"]]).reshape(value["shape"])


def is_supported(case):
    values = [*case["inputs"].values(), *case["outputs"]]
    return case["kernel"] in SAME and not any(v["dtype"] in OTHER_DTYPES for v in values)


def is_departure(case):
    return case["kernel"] in DEPARTURES and any("NaN" in v["data"] for v in case["inputs"].values())


# GLSL ES promises sine and cosine to 2^-11 only, and of their inverses nothing.
_ANGLES = ("Acos", "Asin", "Atan", "Atan2", "Cos", "Sin", "Tan")


def compared(outputs, case, on_gpu=False):
    """Assert that outputs, as arrays with their dtypes, are those that were recorded."""
    close = {"rtol": 1e-3, "atol": 5e-4} if on_gpu and case["kernel"] in _ANGLES else {"rtol": 1e-4, "atol": 1e-5}
    for (got, dtype), recorded in zip(outputs, case["outputs"], strict=True):
        assert got.shape == tuple(recorded["shape"]) and dtype == recorded["dtype"]
        np.testing.assert_allclose(got.astype(float), array(recorded).astype(float), **close)


def called(case):
    """The outputs of a recorded call, in a list."""
    kernel = case["kernel"]
    attributes = {naming.snake(k): v for k, v in case.get("attrs", {}).items()}
    attributes = {ATTRIBUTES.get(k, k): v for k, v in attributes.items()}
    inputs = [wl.tensor(array(v)) for v in case["inputs"].values()]
    if kernel in ("AddN", "Concat", "Pack"):
        inputs = [inputs]
    op = getattr(wl, NAMES.get(kernel, naming.snake(kernel)))
    out = op(*inputs, **attributes)
    if isinstance(out, dict):
        return list(out.values())
    return out if isinstance(out, list | tuple) else [out]
