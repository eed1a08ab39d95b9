"""Steps of a model's own, as programs for Keras write them: they are traced once, and their logs are those of fit."""

import asyncio

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
RNG = np.random.default_rng(0)
X = RNG.random((8, 3)).astype(np.float32)
Y = X.sum(1, keepdims=True)

pytestmark = pytest.mark.usefixtures("backend")


def fitted(model, *data, **options):
    async def main():
        return await model.fit(*data, **{"verbose": 0, "epochs": 3, "batch_size": 4, "shuffle": False, **options})

    return asyncio.run(main()).history


def line(kind=wl.Sequential):
    return kind([L.dense(1, kernel_initializer="zeros", kernel_regularizer="l2", input_shape=[3])])


class Weighted(wl.Sequential):
    """Keras' first recipe, with sample weights."""

    traces = 0

    def train_step(self, data):
        type(self).traces += 1
        x, y, sample_weight = data if len(data) == 3 else (*data, None)
        with wl.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        trainable_vars = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, trainable_vars), trainable_vars)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {m.name: m.result() for m in self.metrics}


class Tracked(wl.Sequential):
    """Keras' second recipe: all of its own, and nothing for compile."""

    def __init__(self, layers):
        super().__init__(layers)
        self.loss_tracker = wl.metrics.Mean(name="loss")
        self.mae_metric = wl.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = wl.losses.MeanSquaredError()

    def report(self, y, y_pred, loss):
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, y_pred)
        return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

    def train_step(self, data):
        x, y = data
        with wl.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred) + sum(self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return self.report(y, y_pred, loss)

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        return self.report(y, y_pred, self.loss_fn(y, y_pred))

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric]


@pytest.mark.parametrize("weight", [None, np.arange(8.0, dtype=np.float32)])
def test_the_recipe_of_a_step_trains_as_fit_does(weight):
    Weighted.traces = 0
    own, known = line(Weighted), line()
    found = []
    for made in (own, known):
        made.compile("adam", "mse", metrics=["mae"], weighted_metrics=["mse"])
        found.append(fitted(made, X, Y, sample_weight=weight))
    assert list(found[0]) == list(found[1]) and Weighted.traces == 1
    for name, values in found[1].items():
        np.testing.assert_allclose(found[0][name], values, rtol=1e-5)
    np.testing.assert_allclose(own.get_weights()[0].numpy(), known.get_weights()[0].numpy(), rtol=1e-5)


def test_the_recipe_with_trackers_of_its_own():
    own, known = line(Tracked), line()
    own.compile("adam")
    known.compile("adam", "mse", metrics=["mae"])
    found, wanted = (fitted(made, X, Y, validation_split=0.5) for made in (own, known))
    assert sorted(found) == sorted(wanted) == ["loss", "mae", "val_loss", "val_mae"]
    for name in ("loss", "mae", "val_mae"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-5)
    error = own.predict(X).numpy() - Y
    loss, mae = own.evaluate(X, Y, batch_size=4)
    assert float(loss) == pytest.approx((error**2).mean(), rel=1e-5)
    assert float(mae) == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert own.metrics_names == ["loss", "mae"]
    # Keras' metrics know what they have counted
    fitted(own, X, Y, epochs=1)
    assert float(own.loss_tracker.result()) == pytest.approx(own.history.history["loss"][0])


class GAN(wl.Model):
    """Keras' recipe of two optimizers: compile has arguments of its own, data have no targets."""

    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.d_loss_tracker = wl.metrics.Mean(name="d_loss")
        self.g_loss_tracker = wl.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_loss_tracker, self.g_loss_tracker]

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def train_step(self, real):
        batch = real.shape[0]
        fake = self.generator(self.noise(batch))
        combined = wl.concat([fake, real], 0)
        labels = wl.concat([wl.ones((batch, 1)), wl.zeros((batch, 1))], 0)
        with wl.GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(combined))
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply(grads, self.discriminator.trainable_weights)
        with wl.GradientTape() as tape:
            predictions = self.discriminator(self.generator(self.noise(batch)))
            g_loss = self.loss_fn(wl.zeros((batch, 1)), predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply(grads, self.generator.trainable_weights)
        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}

    def noise(self, batch):
        return wl.random_normal((batch, self.latent_dim))


def gan(kind=GAN):
    discriminator = wl.sequential([L.dense(1, input_shape=[2], kernel_initializer="ones")])
    generator = wl.sequential([L.dense(2, input_shape=[1], kernel_initializer="ones")])
    made = kind(discriminator, generator, 1)
    made.compile(wl.train.sgd(0.1), wl.train.sgd(0.2), wl.losses.BinaryCrossentropy(from_logits=True))
    return made


@pytest.mark.parametrize("feed", ["arrays", "data set"])
def test_two_optimizers_train_a_pair_of_models(feed):
    class Still(GAN):
        def noise(self, batch):
            return wl.fill((batch, 1), 0.5)

    real = RNG.random((8, 2)).astype(np.float32)
    made = gan(Still)
    data = real if feed == "arrays" else [wl.tensor(real[:4]), wl.tensor(real[4:])]
    history = fitted(made, data) if feed == "arrays" else asyncio.run(fit_dataset(made, data))
    assert sorted(history) == ["d_loss", "g_loss"]
    # the same by hand
    w, b, u, c = np.ones((2, 1)), np.zeros(1), np.ones((1, 2)), np.zeros(2)
    sigmoid, softplus = lambda z: 1 / (1 + np.exp(-z)), lambda z: np.log1p(np.exp(z))
    for epoch in range(3):
        d_losses, g_losses = [], []
        for batch in (real[:4], real[4:]):
            fake = np.full((4, 1), 0.5) @ u + c
            x, labels = np.concatenate([fake, batch]), np.repeat([[1.0], [0.0]], 4, 0)
            z = x @ w + b
            d_losses.append((softplus(z) - labels * z).mean())
            slope = (sigmoid(z) - labels) / 8
            w, b = w - 0.1 * x.T @ slope, b - 0.1 * slope.sum(0)
            z = fake @ w + b
            g_losses.append(softplus(z).mean())
            slope = sigmoid(z) / 4 @ w.T
            u, c = u - 0.2 * np.full((4, 1), 0.5).T @ slope, c - 0.2 * slope.sum(0)
        assert history["d_loss"][epoch] == pytest.approx(np.mean(d_losses), rel=1e-4)
        assert history["g_loss"][epoch] == pytest.approx(np.mean(g_losses), rel=1e-4)
    np.testing.assert_allclose(made.generator.get_weights()[0].numpy(), u, rtol=1e-4)


async def fit_dataset(model, batches):
    return (await model.fit_dataset(batches, epochs=3, verbose=0)).history


def test_noise_in_a_step_is_drawn_anew():
    class Noisy(GAN):
        def train_step(self, real):
            first, second = (wl.mean(self.noise(4)) for _ in range(2))
            return {"first": first, "second": second}

    history = fitted(gan(Noisy), np.zeros((4, 2), np.float32))
    assert len({*history["first"], *history["second"]}) == 6


def test_a_critic_with_a_penalty_of_its_gradient_and_several_steps():
    """What was made before a tape is a constant to it; what it watches is none."""

    class Critic(GAN):
        def train_step(self, real):
            for _ in range(3):
                between = 0.5 * real + 0.5 * self.generator(wl.ones((real.shape[0], 1)))
                with wl.GradientTape() as tape:
                    with wl.GradientTape() as inner:
                        inner.watch(between)
                        scores = self.discriminator(between) ** 2
                    slopes = inner.gradient(scores, [between])[0]
                    norms = wl.sqrt(wl.sum(slopes**2, 1))
                    loss = wl.mean((norms - 1) ** 2)
                self.d_optimizer.apply(
                    tape.gradient(loss, self.discriminator.trainable_weights), self.discriminator.trainable_weights
                )
            assert tape.gradient(loss, self.generator.trainable_weights) == [None, None]
            return {"d_loss": loss}

    made = gan(Critic)
    made.d_optimizer = wl.train.adam(0.05)
    history = fitted(made, X[:, :2], epochs=10)["d_loss"]
    assert history[-1] < history[0] / 2 and made.d_optimizer.iterations == 60


class VAE(wl.Model):
    """A loss of the latent code, which ``call`` does not give."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = L.dense(4), L.dense(3)
        self.trackers = [wl.metrics.Mean(name=n) for n in ("loss", "reconstruction_loss", "kl_loss")]

    @property
    def metrics(self):
        return self.trackers

    def train_step(self, data):
        with wl.GradientTape() as tape:
            mean, log_var = wl.split(self.encoder(data), 2, 1)
            z = mean + wl.exp(0.5 * log_var) * wl.random_normal(mean.shape)
            reconstruction = wl.mean(wl.sum((data - self.decoder(z)) ** 2, 1))
            kl = wl.mean(wl.sum(-0.5 * (1 + log_var - mean**2 - wl.exp(log_var)), 1))
            total = reconstruction + kl
        self.optimizer.apply_gradients(
            zip(tape.gradient(total, self.trainable_weights), self.trainable_weights, strict=1)
        )
        for tracker, value in zip(self.trackers, (total, reconstruction, kl), strict=True):
            tracker.update_state(value)
        return {m.name: m.result() for m in self.metrics}


def test_a_variational_autoencoder():
    made = VAE()
    made.compile(optimizer=wl.train.adam(0.05))
    history = fitted(made, X, epochs=30)
    assert history["loss"][-1] < history["loss"][0] / 1.3
    np.testing.assert_allclose(history["loss"], np.add(history["reconstruction_loss"], history["kl_loss"]), rtol=1e-4)
    assert made.steps.traces == 1


def test_logs_added_to_those_of_the_ordinary_step():
    class More(wl.Sequential):
        def train_step(self, data):
            logs = super().train_step(data)
            x, _ = data
            return {**logs, "first": x[0, 0], "rate": 0.5}

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.squares.update_state(wl.square(y_pred))
            return {**results, "squares": self.squares.result()}

    made, known = line(More), line()
    made.squares = wl.metrics.Mean()
    for one in (made, known):
        one.compile("sgd", "mse", metrics=["mae"])
    found, wanted = fitted(made, X, Y, validation_data=(X, Y)), fitted(known, X, Y)
    assert found["loss"] == pytest.approx(wanted["loss"]) and found["mae"] == pytest.approx(wanted["mae"])
    # a tensor is that of the epoch's last step, a metric that of the whole epoch
    assert found["first"] == pytest.approx([X[4, 0]] * 3) and found["rate"] == [0.5] * 3
    assert found["val_squares"][-1] == pytest.approx((made.predict(X).numpy() ** 2).mean(), rel=1e-5)
    assert "val_first" not in found


def test_metrics_that_layers_have_are_in_the_logs():
    class Counting(L.Layer):
        def __init__(self):
            super().__init__()
            self.largest = wl.metrics.Mean(name="largest")

        def call(self, x):
            self.largest.update_state(wl.max(x))
            return x

    made = wl.sequential([L.dense(1, input_shape=[3]), Counting()])
    made.compile("sgd", "mse")
    found = fitted(made, X, Y)
    assert list(found) == ["loss", "largest"]
    largest = made.evaluate(X, Y, batch_size=4)[1]
    assert float(largest) == pytest.approx(made.predict(X).numpy().reshape(2, 4).max(1).mean(), rel=1e-5)


def test_class_weights_and_validation_of_a_step_of_its_own():
    class Classes(Weighted):
        pass

    labels = (np.arange(8) % 2).astype(np.float32)
    found = []
    for kind in (Classes, wl.Sequential):
        made = line(kind)
        made.compile("sgd", "binary_crossentropy", weighted_metrics=["mse"])
        found.append(fitted(made, X, labels, class_weight={1: 3.0}, validation_data=(X, labels)))
    for name, values in found[1].items():
        assert found[0][name] == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (lambda x: wl.sum(x), TypeError, "Own.train_step must give a dictionary of logs"),
        (lambda x: {"loss": x}, ValueError, r"logs are numbers, but 'loss' has shape \[4, 3\]"),
        (lambda x: {"loss": wl.metrics.Mean().result() + 1}, TypeError, "unsupported operand"),
        (lambda x: {"loss": wl.metrics.Mean().result().numpy()}, AttributeError, "known after the step"),
    ],
)
def test_what_is_no_log_is_refused(given, error, message):
    made = line(type("Own", (wl.Sequential,), {"train_step": lambda self, data: given(data[0])}))
    made.compile("sgd")
    with pytest.raises(error, match=message):
        fitted(made, X, Y)


def test_a_loss_that_becomes_no_number_ends_training_with_the_weights_of_before():
    class Bad(wl.Sequential):
        def train_step(self, data):
            with wl.GradientTape() as tape:
                loss = wl.log(wl.sum(self(data[0])) - 1e9)
            self.optimizer.apply(tape.gradient(loss, self.trainable_weights))
            return {"other": wl.ones([]), "my_loss": loss}

    made = line(Bad)
    made.compile("sgd")
    with pytest.raises(FloatingPointError, match="the loss became nan"):
        fitted(made, X, Y)
    assert not made.get_weights()[0].numpy().any()


def test_variables_without_gradients_stay_as_they_are():
    class Half(wl.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = L.dense(1), L.dense(1)

        def call(self, x):
            return self.used(x) + 0 * self.unused(x)

        def train_step(self, data):
            x, y = data
            self.unused(x)
            with wl.GradientTape() as tape:
                loss = self.compute_loss(y=y, y_pred=self.used(x))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply(gradients, self.trainable_weights)
            return {"loss": loss}

    made = Half()
    made.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no gradient for .*they stay"):
        assert fitted(made, X, Y)["loss"][-1] < fitted(made, X, Y)["loss"][0] * 2
    with pytest.raises(RuntimeError, match="in functions that are traced"), wl.GradientTape():
        pass
