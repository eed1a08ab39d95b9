"""Tomorrow's temperature

From the last ten days of Seattle's weather a network guesses tomorrow's highest temperature. The guess that it will be
as warm as today is hard to beat.

Data: Seattle's daily weather 2012 to 2015 (NOAA, public domain), from the npm package vega-datasets (BSD-3-Clause).
"""

import csv
from pathlib import Path

import numpy as np

import weblayers as wl

DAYS = 10
rows = list(csv.DictReader(Path("data/seattle-weather.csv").read_text().splitlines()))
names = ["temp_max", "temp_min", "precipitation", "wind"]
values = np.array([[float(row[name]) for name in names] for row in rows], "float32")
scaled = (values - values.mean(0)) / values.std(0)
x = np.stack([scaled[i : i + DAYS] for i in range(len(scaled) - DAYS)])
y = values[DAYS:, :1]
split = len(x) - 365

model = wl.sequential()
model.add(wl.layers.gru(24, input_shape=[DAYS, len(names)]))
model.add(wl.layers.dense(1, bias_initializer=wl.initializers.constant(value=float(y.mean()))))
model.compile(wl.train.adam(0.01), "mean_absolute_error")

as_today = np.abs(values[DAYS - 1 : -1, :1] - y)[split:].mean()


async def draw(epoch, logs):
    if epoch % 5 == 4 and "val_loss" in logs:
        guessed = (await model.predict(x[split:]).data()).ravel()
        lines = [
            [{"x": day, "y": value} for day, value in enumerate(line.tolist())] for line in (y[split:, 0], guessed)
        ]
        wl.vis.render.linechart(
            "The last year", {"values": lines, "series": ["it was", "guessed"]}, x_label="day", y_label="°C"
        )
        print(f"epoch {epoch + 1}: off by {logs['val_loss']:.2f} °C; as today: {as_today:.2f} °C")


training = wl.page.training(model, "weather", batch_size=64)
curves = wl.vis.show.fit_callbacks("Learning", ["loss", "val_loss"])
await training.fit(
    x[:split],
    y[:split],
    validation_data=(x[split:], y[split:]),
    epochs=40,
    verbose=0,
    callbacks=[curves, {"on_epoch_end": draw}],
)
