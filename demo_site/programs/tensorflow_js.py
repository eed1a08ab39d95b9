"""The same for those who know TensorFlow.js

Names and options may be written as in JavaScript. `fit` gives a promise, so the page goes on while the network learns.
"""

import weblayers as tf

model = tf.sequential()
model.add(tf.layers.dense({"units": 1, "inputShape": [1]}))
model.compile({"optimizer": "sgd", "loss": "meanSquaredError"})

xs = tf.tensor2d([1, 2, 3, 4], [4, 1])
ys = tf.tensor2d([1, 3, 5, 7], [4, 1])

await model.fit(xs, ys, {"epochs": 1000, "verbose": 0})
model.predict(tf.tensor2d([5], [1, 1])).print()
await model.fit(xs, ys, {"epochs": 10, "verbose": 0}).then(lambda history: print(history.history["loss"][-1]))
