"""What things show of themselves: in a line, in formats, and as HTML for notebooks."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from weblayers import constraints, initializers, regularizers


def test_a_tensor_on_a_device_says_how_to_see_its_values(backend):
    t = wl.tensor([[1.0, 2], [3, 4]]) * 2
    if backend == "softgpu":
        assert repr(t) == (
            "<Tensor: shape=(2, 2), dtype=float32, on=softgpu, values=not read yet: await t.array(), or t.numpy()>"
        )
        assert "await t.array()" in t._repr_html_() and "<td" not in t._repr_html_()
    t.numpy()
    assert repr(t).endswith("values=[[2., 4.],\n [6., 8.]]>")
    assert t._repr_html_().count("<td") == 4


def test_large_tensors_are_shortened():
    t = wl.range(0, 10000).reshape([100, 100])
    assert len(repr(t)) < 600 and "..." in repr(t)
    page = t._repr_html_()
    assert page.count("<tr>") == 7 and page.count("<td") == 6 * 7 + 1 and "⋮" in page and "…" in page
    assert len(wl.zeros([1000, 3, 50])._repr_html_()) < 5000


def test_html_of_every_kind_of_tensor():
    words = wl.tensor(["<b>", "x"])
    assert "&lt;b&gt;" in words._repr_html_()
    for t in (wl.scalar(1.5), wl.zeros([0, 3]), wl.tensor([True]), wl.zeros([2, 2, 2])):
        assert str(t.shape) in t._repr_html_()
    t = wl.ones([2])
    t.dispose()
    assert "disposed" in t._repr_html_()


def test_one_value_takes_a_format(backend):
    loss = wl.tensor([2.0, 4.0]).mean()
    assert (
        f"{loss:.3f}" == "3.000" and f"{loss:8.1e}" == " 3.0e+00" and f"{wl.tensor([[7]], dtype='int32'):03d}" == "007"
    )
    assert f"{loss}" == str(loss)
    with pytest.raises(TypeError, match=r"'.2f' is for one value, but the tensor has the shape \(2,\)"):
        format(wl.ones([2]), ".2f")


def test_histories():
    model = wl.sequential([wl.layers.dense(1, input_shape=[1])])
    model.compile("sgd", "mse", metrics=["mae"])
    x = np.ones((4, 1), np.float32)

    async def main():
        return await model.fit(x, x, epochs=20, verbose=0)

    history = asyncio.run(main())
    last = {name: f"{values[-1]:.4f}" for name, values in history.history.items()}
    assert repr(history) == f"<History: 20 epochs, the last: loss: {last['loss']} - mae: {last['mae']}>"
    page = history._repr_html_()
    assert page.count("<tr>") == 1 + 5 + 1 + 5 and f"<td>20</td><td>{last['loss']}</td>" in page
    assert repr(wl.History()) == "<History: 0 epochs>"


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (wl.train.sgd(0.1), "SGD(learning_rate=0.1, momentum=0.0, nesterov=False)"),
        (wl.train.sgd(0.1, clipnorm=2.0), "SGD(learning_rate=0.1, momentum=0.0, nesterov=False, clipnorm=2.0)"),
        (wl.losses.MeanSquaredError(), "MeanSquaredError(reduction='sum_over_batch_size')"),
        (wl.losses.Huber(delta=2.0, name="h"), "Huber(delta=2.0, reduction='sum_over_batch_size', name='h')"),
        (initializers.get("zeros"), "Zeros()"),
        (initializers.Constant(3), "Constant(value=3)"),
        (regularizers.get("l2"), "L2(l2=0.01)"),
        (constraints.MaxNorm(2, axis=1), "MaxNorm(max_value=2, axis=1)"),
        (wl.metrics.Precision(top_k=2), "Precision(top_k=2)"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_configurable_objects_are_the_calls_that_make_them(thing, shown):
    assert repr(thing) == shown


def test_an_optimizer_shows_its_schedule():
    schedule = wl.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    text = "ExponentialDecay(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=False)"
    assert repr(schedule) == text
    assert repr(wl.train.sgd(schedule)).startswith(f"SGD(learning_rate={text}, ")
