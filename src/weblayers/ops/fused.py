"""Products and convolutions with what follows them, in one call.

Fusion needs no such functions here: the compiler does the same for separate ops. They are for programs that have them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import naming
from ..graph import build as b
from ..graph.node import Node
from . import arithmetic, mathematics, matrices, spatial
from .dispatch import op, public
from .windows import FIRST, Pads

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "relu": arithmetic.relu,
    "relu6": mathematics.relu6,
    "elu": mathematics.elu,
    "sigmoid": arithmetic.sigmoid,
}


@public
def conv2d(config: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """:func:`weblayers.conv2d`, plus a bias, through an activation.

    Args:
        config: the arguments as one object, as in TensorFlow.js.
        arguments: ``x, filter, strides, pad, data_format, dilations, dim_rounding_mode, bias, activation,
            prelu_activation_weights, leakyrelu_alpha``.

    >>> import weblayers as wl
    >>> x, kernel = wl.ones([1, 2, 2, 1]), wl.ones([1, 1, 1, 1])
    >>> wl.fused.conv2d(x=x, filter=kernel, strides=1, pad="same", bias=[-3.0], activation="relu").shape
    (1, 2, 2, 1)
    """
    return _called(_conv2d, "fused.conv2d", config, arguments)


@public
def depthwise_conv2d(config: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """:func:`weblayers.depthwise_conv2d`, plus a bias, through an activation; see :func:`conv2d`.

    >>> import weblayers as wl
    >>> x, kernel = wl.ones([1, 2, 2, 3]), wl.ones([2, 2, 3, 1])
    >>> wl.fused.depthwise_conv2d(x=x, filter=kernel, strides=1, pad="valid").shape
    (1, 1, 1, 3)
    """
    return _called(_depthwise_conv2d, "fused.depthwise_conv2d", config, arguments)


@public
def mat_mul(config: Mapping[str, Any] | None = None, **arguments: Any) -> Any:
    """:func:`weblayers.mat_mul`, plus a bias, through an activation.

    Args:
        config: the arguments as one object, as in TensorFlow.js.
        arguments: ``a, b, transpose_a, transpose_b, bias, activation, prelu_activation_weights, leakyrelu_alpha``.

    >>> import weblayers as wl
    >>> wl.fused.mat_mul(a=[[1.0, 2.0]], b=[[3.0], [4.0]], bias=[1.0]).array_sync()
    [[12.0]]
    """
    return _called(_mat_mul, "fused.mat_mul", config, arguments)


def _called(fn: Any, name: str, config: Mapping[str, Any] | None, arguments: Mapping[str, Any]) -> Any:
    return fn(**naming.arguments(fn, name, {**(config or {}), **arguments}))


def _convolution(convolved: Callable[..., Any]) -> Callable[..., Any]:
    """A convolution, plus a bias, through an activation."""

    def fused(
        x: Any,
        filter: Any,
        strides: Any = 1,
        pad: Pads = "valid",
        data_format: str = "NHWC",
        dilations: Any = 1,
        dim_rounding_mode: str | None = None,
        bias: Any = None,
        activation: str = "linear",
        prelu_activation_weights: Any = None,
        leakyrelu_alpha: float = 0.2,
    ) -> Any:
        out = convolved(x, filter, strides, pad, data_format, dilations, dim_rounding_mode)
        return _finished(out, bias, activation, prelu_activation_weights, leakyrelu_alpha, data_format in FIRST)

    # the name under which models have the op
    fused.__name__ = f"_{convolved.__name__}"
    return op("x", "filter", "bias", "prelu_activation_weights")(fused)


_conv2d, _depthwise_conv2d = map(_convolution, (spatial.conv2d, spatial.depthwise_conv2d))


@op("a", "b", "bias", "prelu_activation_weights")
def _mat_mul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: Any = None,
    activation: str = "linear",
    prelu_activation_weights: Any = None,
    leakyrelu_alpha: float = 0.2,
) -> Any:
    out = matrices.mat_mul(a, b, transpose_a, transpose_b)
    return _finished(out, bias, activation, prelu_activation_weights, leakyrelu_alpha, False)


def _finished(
    x: Node, bias: Node | None, activation: str, slopes: Node | None, alpha: float, channels_first: bool
) -> Any:
    if bias is not None:
        x = arithmetic.add(x, _of_channels(bias, channels_first))
    if activation == "prelu":
        if slopes is None:
            raise ValueError("the activation 'prelu' wants prelu_activation_weights")
        return mathematics.prelu(x, _of_channels(slopes, channels_first))
    if activation == "leakyrelu":
        return mathematics.leaky_relu(x, alpha)
    if activation not in ACTIVATIONS:
        known = ", ".join([*ACTIVATIONS, "prelu", "leakyrelu"])
        raise ValueError(f"unknown activation {activation!r}; expected one of {known}")
    return ACTIVATIONS[activation](x)


def _of_channels(values: Node, first: bool) -> Node:
    """A vector of channels, for images that have them before space."""
    return b.reshape(values, (*values.shape, 1, 1)) if first and len(values.shape) == 1 else values


__all__ = ["conv2d", "depthwise_conv2d", "mat_mul"]

__getattr__ = naming.module_getattr(__name__, globals())
