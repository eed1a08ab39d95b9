"""The first program

A network with one weight and one bias finds the line through four points. Change the program and run it again: this is
all there is to it, and all of it happens in your browser.
"""

import weblayers as wl

model = wl.sequential()
model.add(wl.layers.dense(units=1, input_shape=[1]))
model.compile(optimizer="sgd", loss="mean_squared_error")

xs = wl.tensor2d([[1], [2], [3], [4]], [4, 1])
ys = wl.tensor2d([[1], [3], [5], [7]], [4, 1])

await model.fit(xs, ys, epochs=1000, verbose=0)
model.predict(wl.tensor2d([[5]], [1, 1])).print()  # close to 9
