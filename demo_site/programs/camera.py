"""Teach it with your camera

Hold something up, press a button to say what it is, then another thing, and the network tells them apart at once. It
need not learn to see: the first layers of a network that others have trained do that, and only a small one on top is
new. Pictures stay in this page. Without a camera, a clip shows a ball, a box and a cross by turns.

Data: the first blocks of a MobileNet, trained to find faces, from the npm package @vladmandic/face-api (MIT).
"""

import asyncio
import itertools

import numpy as np

import weblayers as wl
from weblayers import page

SIDE = 96
NAMES = ["A", "B", "C"]
EXAMPLES = 10


def mobilenet():
    """Pictures with values from -1 to 1 to 512 numbers that say what is in them."""
    options = {"padding": "same", "activation": "relu6"}
    model = wl.sequential(name="mobilenet")
    model.add(wl.layers.conv2d(32, 3, strides=2, input_shape=[SIDE, SIDE, 3], **options))
    for filters, strides in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1)]:
        model.add(wl.layers.depthwise_conv2d(3, strides=strides, **options))
        model.add(wl.layers.conv2d(filters, 1, **options))
    model.add(wl.layers.global_average_pooling2d())
    stored = np.load("data/mobilenet.npz")
    model.set_weights([stored[name].astype("float32") for name in stored.files])
    model.trainable = False
    return model


def head():
    """What is new: from what the backbone says to the three names."""
    model = wl.sequential([wl.layers.batch_normalization(input_shape=[512]), wl.layers.dense(3, activation="softmax")])
    model.compile(wl.train.adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Clip:
    """A ball, a box and a cross by turns, each for a while, before a background that flickers."""

    def __init__(self):
        self.rng, self.count = np.random.default_rng(0), 0

    async def capture(self):
        shape, self.count = self.count // 40 % 3, self.count + 1
        y, x = np.mgrid[:SIDE, :SIDE] - self.rng.integers(35, 60, (2, 1, 1))
        size = self.rng.integers(16, 28)
        inside = [np.hypot(x, y) < size, np.maximum(abs(x), abs(y)) < size, (abs(x) < 7) | (abs(y) < 7)][shape]
        near = np.maximum(abs(x), abs(y)) < 30
        frame = self.rng.integers(40, 90, (SIDE, SIDE, 3))
        frame[inside & near] = [(230, 90, 60), (70, 180, 90), (80, 110, 230)][shape]
        return wl.tensor(frame, dtype="float32")

    def stop(self):
        pass


async def choose(source):
    """Take pictures from elsewhere; without a camera, from the clip."""
    cameras[0].stop()
    try:
        camera = Clip()
        if source == "camera":
            camera = await wl.data.webcam(None, resize_width=SIDE, resize_height=SIDE, center_crop=True)
    except RuntimeError as error:
        page.show(f"There is no camera to use, so the clip goes on. ({error})", where="Camera")
        pictures.value = "clip"
    cameras[:] = [camera]


async def teach(number):
    """The next pictures are examples of a name; all that is known is learnt again."""
    taught[number] = EXAMPLES
    while taught[number]:
        await asyncio.sleep(0.02)
    known = [(features, i) for i, examples in enumerate(seen) for features in examples]
    if len({i for _, i in known}) < 2:
        print(f"{NAMES[number]} has {len(seen[number])} examples. Show something else, and say what it is.")
        return
    x, y = np.stack([features for features, _ in known]), np.array([i for _, i in known])
    model = head()
    curves = wl.vis.show.fit_callbacks("Learning", ["loss"], callbacks=["on_epoch_end"])
    history = await model.fit(x, y, epochs=30, batch_size=10, verbose=0, callbacks=curves)
    models[:] = [model]
    print(f"learnt from {len(x)} examples: {history.history['acc'][-1]:.0%} of them are right")


cameras, models, seen, taught = [Clip()], [], [[], [], []], [0, 0, 0]
pictures = page.choice("Pictures from", ["clip", "camera"], on_change=choose, linked=False)
for i, name in enumerate(NAMES):
    page.button(f"This is {name}", lambda i=i: teach(i))
backbone = mobilenet()
for count in itertools.count():
    frame = await cameras[0].capture()
    features = (await backbone.predict(frame.reshape([1, SIDE, SIDE, 3]) / 127.5 - 1).data()).copy()
    page.show(frame.clip_by_value(0, 255).cast("int32"), where="What it sees")
    for i in range(3):
        if taught[i]:
            seen[i].append(features)
            taught[i] -= 1
    if models and count % 3 == 0:
        said = await models[0].predict(features[None]).data()
        wl.vis.render.barchart("What it says", {name: float(p) for name, p in zip(NAMES, said, strict=True)})
    await asyncio.sleep(0.05)
