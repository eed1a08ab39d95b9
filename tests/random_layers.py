"""Layers of every class with arguments of chance, for random models."""

import functools

import numpy as np

import weblayers as wl
from tests.keras_cases import array, mapped
from tests.native.test_keras import one_of_each
from tests.native.test_layers import UNRECORDED
from weblayers import tree
from weblayers.layers import CLASSES, deserialize

L = wl.layers

ACTIVATIONS = ("relu", "tanh", "linear", "sigmoid", "elu", "gelu", "softplus", "swish", "softsign")
REGULARIZERS = (None, None, "l1", "l2", "l1_l2")
CONSTRAINTS = (None, None, None, "max_norm", "non_neg", "unit_norm", "min_max_norm")
FILLS = ("constant", "nearest", "reflect", "wrap")


class Chance:
    """Choices that a seed makes."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def number(self, low, high):
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one_of(self, values):
        return values[self.number(0, len(values) - 1)]

    def happens(self, odds=0.5):
        return bool(self.rng.random() < odds)

    def weighted(self, **options):
        """Arguments of a layer with a kernel: activation, bias, what is added to the loss, what bounds the kernel."""
        return {
            "activation": self.one_of(ACTIVATIONS),
            "use_bias": self.happens(0.8),
            "kernel_regularizer": self.one_of(REGULARIZERS),
            "kernel_constraint": self.one_of(CONSTRAINTS),
            **({"trainable": False} if self.happens(0.1) else {}),
            **options,
        }

    def window(self, high=3):
        return {
            "strides": self.number(1, 2),
            "padding": self.one_of(("same", "valid")),
        } | ({"pool_size": self.number(2, high)} if high else {})


# -- what a network grows by: for inputs of so many axes beside the batch ----------------------------------------------


def _dense(chance, wire):
    return L.dense(chance.number(1, 9), **chance.weighted()).apply(wire)


def _normalized(chance, wire):
    return L.batch_normalization(scale=chance.happens(0.8), center=chance.happens(0.8)).apply(wire)


def _merged(chance, wire):
    """Two branches, by one layer or two."""
    units, name = chance.number(1, 5), chance.one_of(("add", "subtract", "multiply", "average", "maximum", "minimum"))
    one = L.dense(units, activation="tanh")
    other = one if chance.happens(0.3) else L.dense(units, activation=chance.one_of(ACTIVATIONS))
    return getattr(L, name)().apply([one.apply(wire), other.apply(L.activation("tanh").apply(wire))])


def _concatenated(chance, wire):
    parts = [L.dense(chance.number(1, 5), activation=chance.one_of(ACTIVATIONS)).apply(wire) for _ in range(3)]
    return L.concatenate().apply([*parts, wire])


def _residual(chance, wire):
    """Equal layers in a row, with what went in added to what comes out."""
    inner = wire
    for _ in range(chance.number(1, 3)):
        inner = L.dense(wire.shape[-1], activation="tanh").apply(inner)
    return L.add().apply([wire, inner])


def _recurrent(chance, wire):
    kind = chance.one_of((L.lstm, L.gru, L.simple_rnn))
    options = {"go_backwards": chance.happens(0.3), "recurrent_dropout": chance.one_of((0, 0, 0.3))}
    layer = kind(chance.number(1, 6), return_sequences=True, **options)
    return (L.bidirectional(layer) if chance.happens(0.3) else layer).apply(wire)


def _convolution1d(chance, wire):
    padding = chance.one_of(("same", "causal", "valid")) if wire.shape[1] > 4 else "same"
    options = chance.weighted(padding=padding, dilation_rate=chance.number(1, 2))
    return L.conv1d(chance.number(1, 9), 3, **options).apply(wire)


def _pooled1d(chance, wire):
    kind = chance.one_of((L.max_pooling1d, L.average_pooling1d))
    return kind(**chance.window()).apply(wire) if wire.shape[1] > 3 else wire


def _attending(chance, wire):
    if chance.happens():
        return L.attention(use_scale=chance.happens()).apply([wire, wire])
    return L.multi_head_attention(num_heads=2, key_dim=chance.number(1, 4)).apply(wire, wire)


def _transformed(chance, wire):
    width = 4
    wire = wire if wire.shape[-1] == width else L.dense(width).apply(wire)
    options = {"dropout": chance.one_of((0, 0.2)), "normalize_first": chance.happens()}
    for _ in range(chance.number(1, 2)):
        wire = L.transformer_encoder(intermediate_dim=6, num_heads=2, **options).apply(wire)
    return wire


def _by_steps(chance, wire):
    return L.time_distributed(L.dense(chance.number(1, 5), activation="tanh")).apply(wire)


def _convolution2d(chance, wire):
    size, strides = chance.number(1, 3), chance.number(1, 2)
    padding = chance.one_of(("same", "valid")) if min(wire.shape[1:3]) > 3 else "same"
    options = chance.weighted(padding=padding, strides=strides)
    if strides == 1 and chance.happens(0.3) and min(wire.shape[1:3]) > 4:
        options["dilation_rate"] = 2
    return L.conv2d(chance.number(1, 9), size, **options).apply(wire)


def _equal_convolutions(chance, wire):
    filters = chance.one_of((2, 4, 8))
    for _ in range(chance.number(2, 3)):
        wire = L.conv2d(filters, 3, padding="same", activation="relu").apply(wire)
    return wire


def _depthwise(chance, wire):
    if chance.happens():
        return L.separable_conv2d(chance.number(1, 6), 3, padding="same", use_bias=chance.happens()).apply(wire)
    options = {"padding": "same", "depth_multiplier": chance.number(1, 2), "strides": chance.number(1, 2)}
    return L.depthwise_conv2d(chance.number(1, 3), **options).apply(wire)


def _transposed2d(chance, wire):
    if max(wire.shape[1:3]) > 9:
        return wire
    options = {"strides": chance.number(1, 2), "padding": chance.one_of(("same", "valid"))}
    return L.conv2d_transpose(chance.number(1, 6), chance.number(1, 3), **options).apply(wire)


def _pooled2d(chance, wire):
    kind = chance.one_of((L.max_pooling2d, L.average_pooling2d))
    return kind(**chance.window()).apply(wire) if min(wire.shape[1:3]) > 3 else wire


def _resized2d(chance, wire):
    if max(wire.shape[1:3]) > 6:
        return L.cropping2d(1).apply(wire)
    interpolation = chance.one_of(("nearest", "bilinear"))
    return chance.one_of((L.zero_padding2d(1), L.up_sampling2d(2, interpolation=interpolation))).apply(wire)


def _plain(chance, wire):
    layers = (
        L.dropout(0.3),
        L.gaussian_noise(0.1),
        L.layer_normalization(),
        L.activation("softmax"),
        L.leaky_re_lu(),
        L.prelu(),
        L.elu(),
        L.rescaling(scale=0.5, offset=0.1),
        L.unit_normalization(),
        L.rms_normalization(),
        L.activity_regularization(l2=0.01),
    )
    return chance.one_of(layers).apply(wire)


def _computed(chance, wire):
    """By ops instead of layers."""
    return chance.one_of((lambda x: x * 0.5 + 1, lambda x: wl.tanh(x), lambda x: wl.sub(x, wl.mean(x, -1, True))))(wire)


_ANY = (_plain, _normalized, _computed, _dense)
GROWTH = {
    1: (*_ANY, _dense, _merged, _concatenated, _residual),
    2: (*_ANY, _recurrent, _convolution1d, _pooled1d, _attending, _transformed, _by_steps, _residual),
    3: (*_ANY, _convolution2d, _equal_convolutions, _depthwise, _transposed2d, _pooled2d, _resized2d),
    4: (_plain, _normalized),
}


def flat(chance, wire):
    """A vector per sample, of what may have more axes."""
    rank = len(wire.shape) - 1
    pools = {
        2: (L.global_average_pooling1d, L.global_max_pooling1d, lambda: L.lstm(3)),
        3: (L.global_average_pooling2d, L.global_max_pooling2d),
        4: (L.global_average_pooling3d, L.global_max_pooling3d),
    }
    if rank == 0:
        return L.reshape([1]).apply(wire)
    return wire if rank == 1 else chance.one_of((L.flatten, L.flatten, *pools.get(rank, ())))().apply(wire)


# -- where a network begins: a layer of each class ---------------------------------------------------------------------


class Begun:
    """The inputs of a network, how samples of them are drawn, and the first layer's output."""

    def __init__(self, chance):
        self.chance, self.inputs, self._pools = chance, [], []

    def input(self, pool):
        """An input whose samples are drawn from the rows of an array."""
        dtype = {"f": "float32", "b": "bool"}.get(pool.dtype.kind, "int32")
        self.inputs.append(wl.input(batch_shape=(None, *pool.shape[1:]), dtype=dtype))
        self._pools.append(pool)
        return self.inputs[-1]

    def floats(self, *shape):
        return self.input(self.chance.rng.standard_normal((8, *shape), np.float32))

    def integers(self, below, *shape):
        return self.input(self.chance.rng.integers(0, below, (8, *shape)).astype(np.int32))

    def samples(self, count):
        return [pool[self.chance.rng.integers(0, len(pool), count)] for pool in self._pools]


def _of_case(described, args, kwargs, begun):
    """A recorded call, of other samples."""

    def wired(value):
        if isinstance(value, dict):
            return {k: wired(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [wired(v) for v in value]
        if not isinstance(value, np.ndarray):
            return value
        # rows of one's own, so that no batch is twice the same sample
        fresh = begun.chance.rng.standard_normal((8, *value.shape[1:]), np.float32)
        return begun.input(fresh if value.dtype.kind == "f" else value)

    return deserialize(described).apply(*wired(args), **wired(kwargs))


@functools.cache
def _recorded():
    found = {}
    for case in one_of_each("layers", "class_name"):
        name, call = case["object"]["class_name"], case["calls"][0]
        if name in CLASSES:
            args, kwargs = mapped(array, [call["args"], call["kwargs"]])
            kwargs.pop("training", None)
            found[name] = functools.partial(_of_case, case["object"], args, kwargs)
    for name, (arguments, shape) in UNRECORDED.items():
        described = {"class_name": name, "config": getattr(L, name)(arguments).get_config()}
        found[name] = functools.partial(_of_case, described, [np.zeros(shape, np.float32)], {})
    return found


class _Twice(wl.Model):
    """A model whose graph is its code, with a layer that it uses twice."""

    def __init__(self):
        super().__init__()
        self.dense = L.dense(3, activation="tanh")

    def call(self, x):
        return self.dense(x) * self.dense(x * 0.5)


def _functional(begun):
    inner = wl.input(shape=[4])
    model = wl.model(inputs=inner, outputs=L.dense(4, activation="tanh").apply(inner))
    return model.apply(model.apply(begun.floats(4)))


def _recurring(*cells):
    def begin(begun):
        made = [cell() for cell in cells]
        return L.rnn(made if len(made) > 1 else made[0], return_sequences=True).apply(begun.floats(4, 3))

    return begin


def _images(make):
    def begin(begun):
        images = L.rescaling(scale=0.1).apply(begun.floats(6, 6, 3))
        return make(begun.chance).apply(images)

    return begin


# Within the values that there are.
_UNIT = {"value_range": [0, 1]}

_WRITTEN = {
    "AutoContrast": _images(lambda chance: L.auto_contrast(**_UNIT)),
    "ContrastLimitedAdaptiveHistogramEqualization": _images(
        lambda chance: L.contrast_limited_adaptive_histogram_equalization(**_UNIT, tile_grid_size=[2, 3])
    ),
    "CutMix": _images(lambda chance: L.cut_mix()),
    "Equalization": _images(lambda chance: L.equalization(**_UNIT)),
    "Functional": _functional,
    "GRUCell": _recurring(lambda: L.gru_cell(3)),
    "GaussianDropout": lambda begun: L.gaussian_dropout(0.3).apply(begun.floats(4, 3)),
    "InputLayer": lambda begun: begun.floats(5),
    "LSTMCell": _recurring(lambda: L.lstm_cell(3)),
    "MixUp": _images(lambda chance: L.mix_up()),
    "Model": lambda begun: _Twice().apply(begun.floats(5)),
    "Operation": lambda begun: begun.floats(4, 3)[:, 1:] * 2,
    "Pipeline": lambda begun: L.pipeline([L.dense(4), L.dense(3, activation="tanh")]).apply(begun.floats(5)),
    "RandAugment": _images(lambda chance: L.rand_augment(**_UNIT)),
    "RandomBrightness": _images(lambda chance: L.random_brightness(0.2, value_range=[0, 1])),
    "RandomColorDegeneration": _images(lambda chance: L.random_color_degeneration(0.5, **_UNIT)),
    "RandomColorJitter": _images(lambda chance: L.random_color_jitter(**_UNIT, hue_factor=0.3, contrast_factor=0.3)),
    "RandomCrop": _images(lambda chance: L.random_crop(4, 5)),
    "RandomElasticTransform": _images(
        lambda chance: L.random_elastic_transform(**_UNIT, fill_mode=chance.one_of(FILLS))
    ),
    "RandomErasing": _images(lambda chance: L.random_erasing(**_UNIT)),
    "RandomFlip": _images(lambda chance: L.random_flip()),
    "RandomGaussianBlur": _images(lambda chance: L.random_gaussian_blur(**_UNIT)),
    "RandomHue": _images(lambda chance: L.random_hue(0.5, **_UNIT)),
    "RandomInvert": _images(lambda chance: L.random_invert(**_UNIT)),
    "RandomPerspective": _images(lambda chance: L.random_perspective(scale=0.5)),
    "RandomPosterization": _images(lambda chance: L.random_posterization(6, **_UNIT)),
    "RandomRotation": _images(lambda chance: L.random_rotation(0.2, fill_mode=chance.one_of(FILLS))),
    "RandomSaturation": _images(lambda chance: L.random_saturation(0.5, **_UNIT)),
    "RandomSharpness": _images(lambda chance: L.random_sharpness(0.5, **_UNIT)),
    "RandomShear": _images(lambda chance: L.random_shear(0.3, 0.2, fill_mode=chance.one_of(FILLS))),
    "RandomZoom": _images(lambda chance: L.random_zoom(0.2, fill_mode=chance.one_of(FILLS))),
    "Sequential": lambda begun: wl.sequential([L.dense(4, input_shape=[3]), L.dense(2)]).apply(begun.floats(3)),
    "SimpleRNNCell": _recurring(lambda: L.simple_rnn_cell(3)),
    "Solarization": _images(lambda chance: L.solarization(0.2, 0.5, **_UNIT)),
    "StackedRNNCells": _recurring(lambda: L.lstm_cell(3), lambda: L.gru_cell(2)),
    "TokenAndPositionEmbedding": lambda b: L.token_and_position_embedding(7, 5, 4).apply(b.integers(7, 5)),
}
# Classes that random models have only within others, or not.
ELSEWHERE = {
    **{f"ConvLSTM{n}DCell": f"what ConvLSTM{n}D repeats; a network has no use for it alone" for n in (1, 2, 3)},
    "AugMix": "its layers are drawn when a step is traced, for each backend others",
    **dict.fromkeys(
        ("FeatureSpace", "HashedCrossing", "Hashing", "IntegerLookup", "StringLookup", "TextVectorization"),
        "works on the host, whatever the backend",
    ),
    "MaxNumBoundingBoxes": "takes boxes, which no other layer reads",
    "Lambda": "a function of the user's: the ops that it calls are what is tested, and Operation calls them",
    "RandomHeight": "its height is drawn when a step is traced, for each backend another",
    "RandomWidth": "its width is drawn when a step is traced, for each backend another",
}


def beginnings():
    """How a network may begin, by the class of its first layer."""
    return {**_recorded(), **_WRITTEN}


def begin(name, chance):
    """A network's inputs, and what its first layer gives."""
    begun = Begun(chance)
    outputs = [w for w in tree.leaves(beginnings()[name](begun)) if w.shape[0] is None]
    floats = [w if w.dtype == "float32" else L.rescaling(scale=1.0).apply(w) for w in outputs]
    if len(floats) == 1:
        return begun, floats[0]
    return begun, L.concatenate().apply([flat(chance, w) for w in floats])


def grown(chance, wire, times):
    """Some layers more."""
    for _ in range(times):
        rank = len(wire.shape) - 1
        if rank in GROWTH:
            wire = chance.one_of(GROWTH[rank])(chance, wire)
    return wire
