"""Keras writes a file of each of its layers, and what it predicts. Usage: keras_layers.py FOLDER"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "numpy"

import keras
import numpy as np

K = keras.layers

# Calls that make a layer, and the shape of an input; "ids" stands for class numbers.
LAYERS = [
    ("EinsumDense('abc,cd->abd', (None, 3), bias_axes='d')", (5, 4)),
    ("Embedding(5, 3)", "ids"),
    ("ReversibleEmbedding(5, 3, tie_weights=False)", "ids"),
    ("Masking()", (4, 3)),
    ("Conv1D(2, 3, groups=2)", (6, 4)),
    ("Conv2D(2, 3, dilation_rate=2)", (8, 8, 3)),
    ("Conv3D(2, 2)", (4, 4, 4, 2)),
    ("Conv1DTranspose(2, 3, strides=2)", (6, 4)),
    ("Conv2DTranspose(2, 3, strides=2, padding='same')", (5, 5, 3)),
    ("Conv3DTranspose(2, 2)", (3, 3, 3, 2)),
    ("DepthwiseConv1D(2, depth_multiplier=2)", (6, 4)),
    ("DepthwiseConv2D(2, depth_multiplier=2)", (6, 6, 4)),
    ("SeparableConv1D(3, 2, depth_multiplier=2)", (6, 4)),
    ("SeparableConv2D(3, 2, depth_multiplier=2)", (6, 6, 4)),
    ("LSTM(3)", (4, 2)),
    ("GRU(3)", (4, 2)),
    ("SimpleRNN(3)", (4, 2)),
    ("RNN([K.LSTMCell(3), K.GRUCell(2)])", (5, 4)),
    ("ConvLSTM1D(2, 2)", (3, 4, 2)),
    ("BatchNormalization()", (4,)),
    ("RMSNormalization()", (4,)),
    ("GroupNormalization(2)", (4, 4)),
    ("SpectralNormalization(K.Dense(3))", (4,)),
    ("TimeDistributed(K.Dense(3))", (5, 4)),
    ("Bidirectional(K.GRU(3))", (5, 4)),
    ("Dropout(0.5)", (4,)),
    ("GaussianNoise(0.5)", (4,)),
    ("AlphaDropout(0.5)", (4,)),
    ("SpatialDropout1D(0.5)", (4, 3)),
    ("SpatialDropout2D(0.5)", (4, 4, 3)),
    ("SpatialDropout3D(0.5)", (4, 4, 4, 3)),
    ("Permute((2, 1))", (4, 3)),
    ("RepeatVector(2)", (4,)),
    ("Cropping1D(1)", (4, 3)),
    ("Cropping2D(1)", (4, 4, 3)),
    ("Cropping3D(1)", (4, 4, 4, 3)),
    ("UpSampling1D()", (4, 3)),
    ("UpSampling2D(interpolation='bilinear')", (4, 4, 3)),
    ("UpSampling3D()", (2, 2, 2, 3)),
    ("ZeroPadding1D()", (4, 3)),
    ("ZeroPadding2D()", (4, 4, 3)),
    ("ZeroPadding3D()", (4, 4, 4, 3)),
    ("PReLU()", (4,)),
    ("Normalization(mean=0.5, variance=2.0)", (4,)),
    ("Discretization([0.2, 0.6])", (4,)),
    ("CategoryEncoding(5)", "ids"),
    ("RandomFlip()", (4, 4, 3)),
    ("STFTSpectrogram('magnitude', frame_length=8)", (20, 2)),
    ("MelSpectrogram(16, 8, num_mel_bins=5, sampling_rate=80, power_to_db=False, mag_exp=1.0)", (40,)),
    ("AutoContrast((0, 1))", (4, 4, 3)),
    ("ContrastLimitedAdaptiveHistogramEqualization((0, 1), tile_grid_size=(2, 2))", (4, 4, 3)),
    ("RandomHue(0.2)", (4, 4, 3)),
    ("RandomSaturation(0.2)", (4, 4, 3)),
    ("RandomColorJitter(hue_factor=0.2)", (4, 4, 3)),
    ("RandomColorDegeneration(0.2)", (4, 4, 3)),
    ("RandomGrayscale()", (4, 4, 3)),
    ("RandomInvert()", (4, 4, 3)),
    ("RandomPosterization(4)", (4, 4, 3)),
    ("RandomSharpness(0.2)", (4, 4, 3)),
    ("RandomGaussianBlur()", (4, 4, 3)),
    ("Solarization()", (4, 4, 3)),
    ("RandomPerspective()", (4, 4, 3)),
    ("RandomElasticTransform()", (4, 4, 3)),
    ("RandomErasing()", (4, 4, 3)),
    ("CutMix()", (4, 4, 3)),
    ("MixUp()", (4, 4, 3)),
    ("RandAugment()", (4, 4, 3)),
    ("AugMix()", (4, 4, 3)),
    ("Pipeline([K.Dense(4), K.Dense(3, activation='relu')])", (4,)),
]


def can_be_in_h5(name):
    """Keras cannot write its layers with generators into .h5 files again, and masks are ops, which it does not mark."""
    return not name.startswith(("masked", "Random", "RandAugment", "AugMix", "Solarization")) or name == "RandomFlip"


# Calls on the embeddings of class numbers, with a mask or without one.
MASKED = {
    **{
        f"{n}_of_one": f"K.{n}()([masked, plain])"
        for n in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
    },
    **{f"{n}_of_both": f"K.{n}()([masked, other])" for n in ("Add", "Multiply", "Maximum", "Minimum", "Concatenate")},
    "Concatenate_of_one": "K.Concatenate()([plain, masked])",
    "Concatenate_of_steps": "K.Concatenate(axis=1)([masked, plain])",
    "RMSNormalization": "K.RMSNormalization()(masked)",
    "LayerNormalization": "K.LayerNormalization()(masked)",
    "BatchNormalization": "K.BatchNormalization()(masked)",
    "Bidirectional": "K.Bidirectional(K.LSTM(3, return_sequences=True))(masked)",
    "Bidirectional_sum": "K.Dense(2)(K.Bidirectional(K.GRU(3, return_sequences=True), 'sum')(masked))",
    "Bidirectional_last": "K.Bidirectional(K.GRU(3))(masked)",
    "backwards": "K.GRU(3, return_sequences=True, go_backwards=True)(masked)",
    "stacked": "K.RNN([K.LSTMCell(3), K.GRUCell(2)], return_sequences=True)(masked)",
    "zeros": "K.SimpleRNN(3, return_sequences=True, zero_output_for_mask=True)(masked)",
    "TimeDistributed": "K.TimeDistributed(K.Dense(3))(masked)",
    "MultiHeadAttention": "K.MultiHeadAttention(2, 2)(masked, masked)",
    "Attention": "K.Attention()([masked, masked])",
}


def with_mask(call):
    x = K.Input((5,), dtype="int32")
    masked, plain = K.Embedding(6, 4, mask_zero=True)(x), K.Embedding(6, 4)(x)
    other = K.Embedding(6, 4, mask_zero=True)(x)
    return keras.Model(x, eval(call, {"K": K, "masked": masked, "plain": plain, "other": other}))


def with_layer(call, shape):
    x = K.Input((4,), dtype="int32") if shape == "ids" else K.Input(shape)
    # the names that calls use
    layer = eval(f"K.{call}", {"K": K})
    return keras.Model(x, layer(x))


def shared(order):
    """A layer in a model, and in the one around it."""
    common = K.Dense(4, name="common")
    x = K.Input((4,))
    inner = keras.Model(x, K.Dense(4)(common(x)), name="inner")
    y = K.Input((4,))
    return keras.Model(y, K.Dense(2)(common(inner(y)) if order == "after" else inner(common(y))))


def shared_by_two():
    common = K.Dense(4, name="common")
    first = keras.Sequential([K.Input((4,)), common, K.Dense(4)], name="first")
    second = keras.Sequential([K.Input((4,)), K.Dense(4), common], name="second")
    x = K.Input((4,))
    return keras.Model(x, first(second(x)))


def reversed_embedding(**options):
    """Class numbers, their vectors, and scores of class numbers."""
    x, layer = K.Input((4,), dtype="int32"), K.ReversibleEmbedding(5, 3, **options)
    return keras.Model(x, layer(K.Dense(3)(layer(x)), reverse=True))


def grouped(**options):
    x, y = K.Input((5, 6)), K.Input((4, 6))
    layer = K.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2, **options)
    return keras.Model([x, y], layer(x, y))


def listed(values):
    return {"dtype": str(values.dtype), "shape": list(values.shape), "data": values.ravel().tolist()}


def main(folder):
    rng = np.random.default_rng(0)
    models = {call.partition("(")[0]: with_layer(call, shape) for call, shape in LAYERS}
    models |= {"shared_after": shared("after"), "shared_before": shared("before"), "shared_by_two": shared_by_two()}
    models |= {"grouped": grouped(), "grouped_plain": grouped(use_bias=False, dropout=0.1)}
    models |= {"adapted_dense": with_layer("Dense(3, lora_rank=2)", (4,))}
    models |= {"adapted_einsum": with_layer("EinsumDense('ab,bcd->acd', (2, 3), bias_axes='d', lora_rank=2)", (4,))}
    models |= {"adapted_embedding": with_layer("Embedding(5, 3, lora_rank=2)", "ids")}
    models |= {"renormed": with_layer("BatchNormalization(renorm=True, renorm_clipping={'rmax': 3.0})", (4,))}
    models |= {"tied": reversed_embedding(logit_soft_cap=0.5), "untied": reversed_embedding(tie_weights=False)}
    models |= {f"masked_{name}": with_mask(call) for name, call in MASKED.items()}
    for name, model in models.items():
        for weight in model.weights:
            if "seed" not in weight.path:
                weight.assign(weight + rng.random(weight.shape, np.float32) * 0.3)
        # in any position, and in all of one sample
        ids = np.array([[1, 2, 3, 0, 0], [0, 4, 0, 0, 5], [0, 0, 0, 0, 0]], "int32")
        given = (
            [ids]
            if name.startswith("masked")
            else [
                rng.integers(0, 5, (2, *x.shape[1:])).astype("int32")
                if x.dtype == "int32"
                else rng.random((2, *x.shape[1:]), np.float32)
                for x in model.inputs
            ]
        )
        given = given if len(given) > 1 else given[0]
        outputs = listed(np.asarray(model(given, training=False)))
        inputs = [listed(x) for x in given] if isinstance(given, list) else listed(given)
        model.compile(loss="mse")
        loss = float(model.evaluate(given, np.zeros(outputs["shape"], np.float32), verbose=0))
        model.compiled = False
        for suffix in (".keras", ".h5") if can_be_in_h5(name) else (".keras",):
            model.save(folder / f"{name}{suffix}")
            case = {"inputs": inputs, "outputs": outputs, "loss": loss, "compile": False}
            (folder / f"{name}{suffix}.json").write_text(json.dumps(case))


main(Path(sys.argv[1]))
