"""Recorded calls of TensorFlow.js' kernels as calls of ops. Needs no files, so that pages can have it."""

import base64
import functools

import numpy as np

import weblayers as wl
from weblayers import naming

# Kernels that are called otherwise, here with their recorded attributes; all else goes by the kernel's name.
NAMES = {
    "AvgPool3D": "avg_pool3d",
    "BatchMatMul": "mat_mul",
    "ComplexAbs": "abs",
    "CropAndResize": "image.crop_and_resize",
    "DepthwiseConv2dNative": "depthwise_conv2d",
    "FusedBatchNorm": "batch_norm",
    "FusedConv2D": "fused.conv2d",
    "FusedDepthwiseConv2D": "fused.depthwise_conv2d",
    "GatherV2": "gather",
    "Identity": "clone",
    "IsNan": "is_nan",
    "LinSpace": "linspace",
    "LRN": "local_response_normalization",
    "MaxPool3D": "max_pool3d",
    "Multiply": "mul",
    "Neg": "neg",
    "NonMaxSuppressionV3": "image.non_max_suppression",
    "NonMaxSuppressionV4": "image.non_max_suppression_padded",
    "NonMaxSuppressionV5": "image.non_max_suppression_with_score",
    "Pack": "stack",
    "PadV2": "pad",
    "RealDiv": "div",
    "ResizeBilinear": "image.resize_bilinear",
    "ResizeNearestNeighbor": "image.resize_nearest_neighbor",
    "Select": "where",
    "SparseFillEmptyRows": "sparse.sparse_fill_empty_rows",
    "SparseReshape": "sparse.sparse_reshape",
    "SparseSegmentMean": "sparse.sparse_segment_mean",
    "SparseSegmentSum": "sparse.sparse_segment_sum",
    "SplitV": "split",
    "StaticRegexReplace": "string.static_regex_replace",
    "StringNGrams": "string.string_n_grams",
    "StringSplit": "string.string_split",
    "StringToHashBucketFast": "string.string_to_hash_bucket_fast",
    "TopK": "topk",
    "Transform": "image.transform",
    "Unpack": "unstack",
    "_FusedMatMul": "fused.mat_mul",
}
# Kernels whose inputs go by their names.
BY_NAME = ("FusedBatchNorm", "FusedConv2D", "FusedDepthwiseConv2D", "SparseToDense", "_FusedMatMul")
# Kernels that compute the gradient of an op for one of its arguments.
GRADIENTS = {
    "AvgPool3DGrad": ("avg_pool3d", "x"),
    "AvgPoolGrad": ("avg_pool", "x"),
    "Conv2DBackpropFilter": ("conv2d", "filter"),
    "Conv2DBackpropInput": ("conv2d", "x"),
    "Conv3DBackpropInputV2": ("conv3d", "x"),
    "DepthwiseConv2dNativeBackpropFilter": ("depthwise_conv2d", "filter"),
    "DepthwiseConv2dNativeBackpropInput": ("depthwise_conv2d", "x"),
    "Dilation2DBackpropFilter": ("dilation2d", "filter"),
    "Dilation2DBackpropInput": ("dilation2d", "x"),
    "EluGrad": ("elu", "x"),
    "LRNGrad": ("local_response_normalization", "x"),
    "MaxPool3DGrad": ("max_pool3d", "x"),
    "MaxPoolGrad": ("max_pool", "x"),
    "ResizeBilinearGrad": ("image.resize_bilinear", "images"),
    "ResizeNearestNeighborGrad": ("image.resize_nearest_neighbor", "images"),
}
_KERNELS = """
Abs Acos Acosh Add AddN All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh AvgPool AvgPool3D BatchMatMul
BatchToSpaceND Bincount BitwiseAnd BroadcastArgs Cast Ceil ClipByValue Complex ComplexAbs Concat Conv2D Conv3D
Cos Cosh CropAndResize Cumprod Cumsum DenseBincount DepthToSpace DepthwiseConv2dNative Diag Dilation2D Einsum
Elu Equal Erf Exp ExpandDims Expm1 FFT Fill Floor FloorDiv FusedBatchNorm FusedConv2D FusedDepthwiseConv2D
GatherNd GatherV2 Greater GreaterEqual IFFT Identity Imag IsFinite IsInf IsNan LRN LeakyRelu Less LessEqual
LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr Max MaxPool MaxPool3D MaxPoolWithArgmax Maximum Mean Min
Minimum MirrorPad Mod Multinomial Multiply Neg NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5
NotEqual OneHot OnesLike Pack PadV2 Pow Prelu Prod RaggedGather RaggedRange RaggedTensorToTensor Range Real
RealDiv Reciprocal Relu Relu6 Reshape ResizeBilinear ResizeNearestNeighbor Reverse Round Rsqrt ScatterNd
SearchSorted Select Selu Sigmoid Sign Sin Sinh Slice Softmax Softplus SpaceToBatchND SparseFillEmptyRows
SparseReshape SparseSegmentMean SparseSegmentSum SparseToDense SplitV Sqrt Square SquaredDifference
StaticRegexReplace Step StridedSlice StringNGrams StringSplit StringToHashBucketFast Sub Sum Tan Tanh
TensorScatterUpdate Tile TopK Transform Transpose Unique Unpack UnsortedSegmentSum ZerosLike _FusedMatMul
"""
SAME = frozenset(_KERNELS.split()) | set(GRADIENTS)
# What the kernels call otherwise than the ops.
ATTRIBUTES = {"dim": "axis", "dims": "axis", "reduction_indices": "axis"}
# Where another result is wanted of NaN, and why.
DEPARTURES = {
    "MaxPoolWithArgmax": "a maximum of NaN and numbers is NaN, as in NumPy and Keras; TensorFlow.js leaves NaN out",
    "Sign": "of NaN it is NaN, as in NumPy and Keras; TensorFlow.js says 0",
}
# Windows that lie in the padding only: TensorFlow.js gives the input, -Infinity or an empty tensor, as it happens.
POOLS = ("AvgPool", "AvgPool3D", "MaxPool", "MaxPool3D")


def array(value):
    if value["dtype"] == "complex64":
        real, imag = (np.array(value[part], np.float32) for part in ("real", "imag"))
        return (real + 1j * imag).astype(np.complex64).reshape(value["shape"])
    if value["dtype"] == "string":
        texts = [base64.b64decode(text).decode() for text in value["data"]]
        return np.array(texts, object).reshape(value["shape"])
    kinds = {"float32": np.float32, "bool": np.bool_, "int32": np.int32}
    return np.array(value["data"], np.float64).astype(kinds[value["dtype"]]).reshape(value["shape"])


def _flat(values):
    return [v for value in values for v in (value if isinstance(value, list | tuple) else [value])]


def is_supported(case):
    return case["kernel"] in SAME


def _of_nothing(case):
    window, pad = case["attrs"]["filterSize"], case["attrs"]["pad"]
    lowest = any("-Infinity" in v["data"] or 0 in v["shape"] for v in case["outputs"])
    return lowest or (isinstance(pad, int) and pad >= max(window if isinstance(window, list) else [window]))


def is_too_large(case):
    """Whether integers come out that float32 cannot count: reading them is refused here."""
    integers = [v["data"] for v in case["outputs"] if v["dtype"] == "int32"]
    return any(isinstance(n, int | float) and abs(n) > 2**24 for data in integers for n in data)


def is_departure(case):
    if is_too_large(case):
        return True
    if case["kernel"] in POOLS and _of_nothing(case):
        return True
    return case["kernel"] in DEPARTURES and any(v and "NaN" in v["data"] for v in _flat(case["inputs"].values()))


# GLSL ES promises sine and cosine to 2^-11 only, and of their inverses nothing.
_ANGLES = ("Acos", "Asin", "Atan", "Atan2", "Cos", "Sin", "Tan")


def compared(outputs, case, on_gpu=False):
    """Assert that outputs, as arrays with their dtypes, are those that were recorded."""
    close = {"rtol": 1e-3, "atol": 5e-4} if on_gpu and case["kernel"] in _ANGLES else {"rtol": 1e-4, "atol": 1e-5}
    for (got, dtype), recorded in zip(outputs, case["outputs"], strict=True):
        assert got.shape == tuple(recorded["shape"]) and dtype == recorded["dtype"]
        if dtype == "string":
            assert got.tolist() == array(recorded).tolist()
            continue
        kind = complex if dtype == "complex64" else float
        np.testing.assert_allclose(got.astype(kind), array(recorded).astype(kind), **close)


async def fetched(tensor):
    """The values of a tensor, without blocking."""
    data = await tensor.data()
    return (data.view(np.complex64) if tensor.dtype == "complex64" else data).reshape(tensor.shape)


def called(case):
    """The outputs of a recorded call, in a list."""
    kernel = case["kernel"]
    attributes = {naming.snake(k): v for k, v in (case.get("attrs") or {}).items()}
    attributes = {ATTRIBUTES.get(k, k): v for k, v in attributes.items()}
    inputs = {k: _tensors(v) for k, v in case["inputs"].items() if v is not None}
    if kernel in GRADIENTS:
        return [_gradient(*GRADIENTS[kernel], inputs, attributes)]
    op = _op(NAMES.get(kernel, naming.snake(kernel)))
    if kernel in BY_NAME:
        out = op(**{naming.snake(k): v for k, v in inputs.items()}, **attributes)
    elif kernel in ("AddN", "Concat", "Pack"):
        out = op(list(inputs.values()), **attributes)
    elif kernel == "Einsum":
        out = op(attributes["equation"], *inputs.values())
    else:
        out = op(*inputs.values(), **attributes)
    return _flat(out.values() if isinstance(out, dict) else [out])


def _tensors(value):
    return [_tensors(v) for v in value] if isinstance(value, list) else wl.tensor(array(value))


def _op(name):
    return functools.reduce(getattr, name.split("."), wl)


def _gradient(name, wanted, inputs, attributes):
    """What a kernel for a gradient computes: the gradient of its op for one of the inputs."""
    given = {"x" if k == "input" else k: v for k, v in inputs.items() if k not in ("dy", "output", "y")}
    shapes = {"x": attributes.pop("input_shape", None), "filter": attributes.pop("filter_shape", None)}
    at = given.pop(wanted, None)
    if name == "elu":
        # the kernel knows the output only
        at = wl.where(inputs["y"] > 0, inputs["y"], wl.log1p(inputs["y"]))
    elif at is None:
        at = wl.zeros(shapes[wanted])
    return wl.grad(lambda v: _op(name)(**given, **{wanted: v}, **attributes))(at, inputs["dy"])
