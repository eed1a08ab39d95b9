"""The networks that people build, small: few channels, small images, short sequences."""

import weblayers as wl

L = wl.layers
TOKENS = 11


def _then(wire, *layers):
    for layer in layers:
        wire = layer.apply(wire)
    return wire


# -- images -----------------------------------------------------------------------------------------------------------


def resnet(blocks=3):
    """Of three stages with so many blocks each: of 3 it is ResNet-20. He et al. (2016)."""

    def normalized(wire, filters, strides=1):
        convolution = L.conv2d(filters, 3, strides=strides, padding="same", use_bias=False)
        return _then(wire, convolution, L.batch_normalization())

    image = wl.input(shape=[8, 8, 3])
    h = _then(normalized(image, 4), L.re_lu())
    for stage, filters in enumerate((4, 8, 16)):
        for block in range(blocks):
            strides = 2 if stage and not block else 1
            inner = normalized(_then(normalized(h, filters, strides), L.re_lu()), filters)
            if strides > 1:
                h = L.conv2d(filters, 1, strides=2, use_bias=False).apply(h)
            h = _then(L.add().apply([h, inner]), L.re_lu())
    return wl.model(inputs=image, outputs=_then(h, L.global_average_pooling2d(), L.dense(3, activation="softmax")))


def unet():
    """Ronneberger et al. (2015): down and up again, the maps of one size side by side."""

    def block(wire, filters):
        return _then(wire, *(L.conv2d(filters, 3, padding="same", activation="relu") for _ in range(2)))

    image = wl.input(shape=[8, 8, 2])
    wide = block(image, 4)
    middle = block(L.max_pooling2d(2).apply(wide), 8)
    h = block(L.max_pooling2d(2).apply(middle), 8)
    h = block(L.concatenate().apply([L.up_sampling2d(2).apply(h), middle]), 8)
    h = L.conv2d_transpose(4, 2, strides=2).apply(h)
    h = block(L.concatenate().apply([h, wide]), 4)
    return wl.model(inputs=image, outputs=L.conv2d(1, 1, activation="sigmoid").apply(h))


def mobilenet():
    """Depthwise and pointwise convolutions. Howard et al. (2017)."""
    model = wl.sequential([L.conv2d(4, 3, strides=2, padding="same", use_bias=False, input_shape=[12, 12, 3])])
    for filters, strides in ((8, 1), (8, 2), (8, 1), (8, 1)):
        model.add(L.depthwise_conv2d(3, strides=strides, padding="same", use_bias=False))
        model.add(L.batch_normalization())
        model.add(L.re_lu(max_value=6))
        model.add(L.conv2d(filters, 1, use_bias=False))
        model.add(L.batch_normalization())
        model.add(L.re_lu(max_value=6))
    model.add(L.separable_conv2d(8, 2))
    model.add(L.global_average_pooling2d())
    model.add(L.dense(3, activation="softmax"))
    return model


def vgg():
    """Equal convolutions in a row. Simonyan and Zisserman (2015)."""
    model = wl.sequential([L.input_layer(input_shape=[8, 8, 3])])
    for filters in (4, 8, 8):
        for _ in range(3):
            model.add(L.conv2d(filters, 3, padding="same", activation="relu"))
        model.add(L.max_pooling2d(2))
    for layer in (L.flatten(), L.dense(16, activation="relu"), L.dropout(0.3), L.dense(3, activation="softmax")):
        model.add(layer)
    return model


class Sampled(L.Layer):
    """A sample of a normal distribution by its mean and logarithmic variance, and how far that is from the standard."""

    def call(self, inputs):
        mean, spread = inputs
        self.add_loss(wl.mean(wl.square(mean) + wl.exp(spread) - spread - 1) * 0.5)
        return mean + wl.exp(spread * 0.5) * wl.random_normal(mean.shape)

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def vae():
    """Kingma and Welling (2014)."""
    image = wl.input(shape=[8, 8, 1])
    h = _then(image, L.conv2d(4, 3, strides=2, padding="same", activation="relu"), L.flatten())
    code = Sampled().apply([L.dense(3).apply(h), L.dense(3).apply(h)])
    h = _then(code, L.dense(4 * 4 * 4, activation="relu"), L.reshape([4, 4, 4]))
    h = L.conv2d_transpose(1, 3, strides=2, padding="same", activation="sigmoid").apply(h)
    return wl.model(inputs=image, outputs=h)


def gan():
    """A generator, a discriminator, and both in a row, in which the latter is frozen. Goodfellow et al. (2014)."""
    generator = wl.sequential(
        [
            L.dense(4 * 4 * 4, activation="relu", input_shape=[3]),
            L.reshape([4, 4, 4]),
            L.batch_normalization(),
            L.conv2d_transpose(1, 3, strides=2, padding="same", activation="tanh"),
        ]
    )
    discriminator = wl.sequential(
        [
            L.conv2d(4, 3, strides=2, padding="same", input_shape=[8, 8, 1]),
            L.leaky_re_lu(0.2),
            L.flatten(),
            L.dense(1, activation="sigmoid"),
        ]
    )
    discriminator.compile(wl.train.adam(0.01, epsilon=1e-3), "binary_crossentropy", ["accuracy"])
    noise = wl.input(shape=[3])
    both = wl.model(inputs=noise, outputs=discriminator.apply(generator.apply(noise)))
    discriminator.trainable = False
    both.compile(wl.train.adam(0.01, epsilon=1e-3), "binary_crossentropy")
    return generator, discriminator, both


def siamese():
    """One network for two images, and how far apart they lie. Bromley et al. (1993)."""
    shared = wl.sequential(
        [
            L.conv2d(4, 3, activation="relu", input_shape=[8, 8, 1]),
            L.max_pooling2d(2),
            L.flatten(),
            L.dense(6, activation="tanh"),
        ]
    )
    pair = [wl.input(shape=[8, 8, 1]) for _ in range(2)]
    apart = L.subtract().apply([shared.apply(one) for one in pair])
    squares = L.multiply().apply([apart, apart])
    return wl.model(inputs=pair, outputs=L.dense(1, activation="sigmoid").apply(squares))


# -- sequences --------------------------------------------------------------------------------------------------------


def tcn():
    """Dilated causal convolutions with residuals. Bai et al. (2018)."""
    series = wl.input(shape=[16, 3])
    h = L.conv1d(8, 1).apply(series)
    for dilation in (1, 2, 4):
        convolutions = (L.conv1d(8, 3, padding="causal", dilation_rate=dilation, activation="relu") for _ in range(2))
        h = L.add().apply([h, _then(h, *convolutions)])
    return wl.model(inputs=series, outputs=L.dense(1).apply(h))


def seq2seq():
    """An encoder whose states a decoder goes on from. Sutskever et al. (2014)."""
    source, target = wl.input(shape=[6, 4]), wl.input(shape=[5, 3])
    _, *states = L.lstm(6, return_state=True).apply(source)
    decoded = L.lstm(6, return_sequences=True).apply(target, initial_state=states)
    return wl.model(inputs=[source, target], outputs=L.dense(3, activation="softmax").apply(decoded))


def gru():
    model = wl.sequential([L.input_layer(input_shape=[6, 3])])
    for _ in range(3):
        model.add(L.gru(5, return_sequences=True))
    model.add(L.gru(5))
    model.add(L.dense(2, activation="softmax"))
    return model


def stacked_cells():
    """Two cells of which one is computed within the step of the other."""
    cells = [L.lstm_cell(4), L.gru_cell(3)]
    return wl.sequential([L.rnn(cells, input_shape=[5, 3]), L.dense(2, activation="softmax")])


def text():
    """Words with a mask, both ways."""
    model = wl.sequential([L.embedding(TOKENS, 5, mask_zero=True, input_shape=[7], dtype="float32")])
    model.add(L.bidirectional(L.lstm(4)))
    model.add(L.dense(4, activation="relu"))
    model.add(L.dense(1, activation="sigmoid"))
    return model


def conv_lstm():
    """Shi et al. (2015)."""
    film = wl.input(shape=[3, 6, 6, 2])
    h = L.conv_lstm2d(4, 3, padding="same", return_sequences=True).apply(film)
    h = _then(h, L.batch_normalization(), L.conv_lstm2d(4, 3, padding="same"))
    return wl.model(inputs=film, outputs=L.conv2d(1, 3, padding="same", activation="sigmoid").apply(h))


def transformer(blocks):
    """Vaswani et al. (2017)."""
    tokens = wl.input(shape=[6], dtype="int32")
    h = L.token_and_position_embedding(TOKENS, 6, 8).apply(tokens)
    for _ in range(blocks):
        h = L.transformer_encoder(intermediate_dim=12, num_heads=2).apply(h)
    return wl.model(inputs=tokens, outputs=L.dense(3, activation="softmax").apply(h))


# -- others -----------------------------------------------------------------------------------------------------------


def deep(layers, width=8):
    """Equal dense layers."""
    model = wl.sequential([L.input_layer(input_shape=[width])])
    for _ in range(layers):
        model.add(L.dense(width, activation="tanh"))
    model.add(L.dense(3, activation="softmax"))
    return model


def attention():
    """Two sequences that look at each other; two outputs."""
    one, other = wl.input(shape=[5, 4], name="one"), wl.input(shape=[7, 4], name="other")
    seen = L.attention(use_scale=True).apply([L.dense(6).apply(one), L.dense(6).apply(other)])
    heads = L.multi_head_attention(num_heads=2, key_dim=3).apply(seen, seen)
    h = L.layer_normalization().apply(L.add().apply([seen, heads]))
    pooled = L.global_average_pooling1d().apply(h)
    answer = L.dense(1, activation="sigmoid", name="answer").apply(pooled)
    steps = L.time_distributed(L.dense(2, activation="tanh"), name="steps").apply(h)
    return wl.model(inputs=[one, other], outputs=[answer, steps])


# how each is built, and the loss of each of its outputs
ARCHITECTURES = {
    "attention": (attention, ["binary_crossentropy", "mse"]),
    "conv lstm": (conv_lstm, "binary_crossentropy"),
    "gru": (gru, "categorical_crossentropy"),
    "mobilenet": (mobilenet, "categorical_crossentropy"),
    "resnet": (resnet, "categorical_crossentropy"),
    "seq2seq": (seq2seq, "categorical_crossentropy"),
    "siamese": (siamese, "binary_crossentropy"),
    "stacked cells": (stacked_cells, "categorical_crossentropy"),
    "tcn": (tcn, "mse"),
    "text": (text, "binary_crossentropy"),
    "unet": (unet, "binary_crossentropy"),
    "vae": (vae, "mse"),
    "vgg": (vgg, "categorical_crossentropy"),
    "64 equal layers": (lambda: deep(64), "categorical_crossentropy"),
    **{f"transformer of {n}": (lambda n=n: transformer(n), "categorical_crossentropy") for n in (1, 2, 4, 8)},
}
