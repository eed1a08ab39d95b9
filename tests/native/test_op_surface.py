"""Every function and tensor method of TensorFlow.js' checklist exists here with its arguments, or is named below."""

import inspect
import json
from pathlib import Path

import pytest

import weblayers as wl
from weblayers import naming
from weblayers.naming import snake
from weblayers.ops import fused

SURFACE = json.loads((Path(__file__).parents[1] / "golden" / "ops.json").read_text())

# Arguments that have other names here, as in Keras or because Python has the name.
RENAMED = {
    "softmax": {"logits": "x", "dim": "axis"},
    "logSoftmax": {"logits": "x"},
    "meshgrid": {"x": "axes", "y": "axes", "__2": "indexing"},
}
NOT_OFFERED = {
    "dataToGPU": "textures belong to plans, and lie otherwise than those of TensorFlow.js",
    "dataId": "values are shared, not named: `num_data_buffers` of `memory()` counts them",
    "scopeId": "scopes have no numbers",
    "kerasMask": "`mask`",
}


def found(name):
    target = wl
    for part in name.split("."):
        target = getattr(target, part)
    return target


@pytest.mark.parametrize("name", SURFACE["functions"])
def test_every_function_is_there_in_both_spellings(name):
    function = found(name)
    assert found(".".join(map(snake, name.split(".")))) == function
    assert inspect.getdoc(function)
    renamed = RENAMED.get(name, {})
    # those that take one object take its keys as arguments too
    inner = getattr(fused, "_" + function.__name__) if name.startswith("fused.") else function
    taken = set(naming.parameters(inner)) | set(inspect.signature(inner).parameters)
    for argument in SURFACE["functions"][name]:
        assert renamed.get(argument, snake(argument)) in taken


@pytest.mark.parametrize("name", [*SURFACE["methods"], *SURFACE["fields"]])
def test_every_method_is_there_in_both_spellings(name):
    tensor = wl.ones([2, 2])
    if name in NOT_OFFERED:
        assert not hasattr(tensor, name)
        return
    here, there = getattr(tensor, name), getattr(tensor, snake(name))
    if name in SURFACE["methods"]:
        assert here.__doc__ and there.__doc__ == here.__doc__
        assert isinstance(getattr(wl.Variable, snake(name)), object)


@pytest.mark.parametrize("name", SURFACE["buffer"])
def test_buffers_have_every_member(name):
    buffer = wl.buffer([2])
    assert hasattr(buffer, name) and hasattr(buffer, snake(name))


ENGINE = """
sumOutType upcastType customGrad grad grads valueAndGrad valueAndGrads variableGrads nextFrame print variable
enableProdMode enableDebugMode disposeVariables memory profile tidy dispose keep time setBackend ready getBackend
"""
# What TensorFlow.js has for those who write backends and kernels of their own: here ops are made of primitives.
FOR_BACKENDS = """
env op disableDeprecationWarnings deprecationWarn engine removeBackend findBackend findBackendFactory registerBackend
backend setPlatform getKernel getGradient getKernelsForBackend registerKernel registerGradient unregisterKernel
unregisterGradient copyRegisteredKernels deregisterOp registerOp forceHalfFloat setWebGLContext
"""


@pytest.mark.parametrize("name", ENGINE.split())
def test_the_engines_functions_are_there(name):
    assert inspect.getdoc(getattr(wl, name)) == inspect.getdoc(getattr(wl, snake(name)))


@pytest.mark.parametrize("name", FOR_BACKENDS.split())
def test_what_is_for_backends_is_not_offered(name):
    assert not hasattr(wl, name)
