"""What a step's plan is made of, told by its draws."""

import asyncio

import numpy as np
import pytest

import weblayers as wl
from tests.models import cnn, lstm
from tests.perf import workloads
from weblayers.compiler.lower import explained, lower
from weblayers.compiler.pieces import at_once
from weblayers.compiler.wire import serialize

L = wl.layers
CLASSES = np.eye(10, dtype=np.float32)


def data_of(model, count):
    rng = np.random.default_rng(0)
    return rng.random((count, *model.input_shape[1:]), np.float32), CLASSES[np.arange(count) % 10]


def plan_of(model, count):
    graph = model.steps.train(model.samples(*data_of(model, count)).rows(), count).graph
    return lower(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True)


def named(*layers):
    model = wl.sequential(list(layers), name="model")
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    return model


def small():
    return named(
        L.conv2d(4, 3, activation="relu", input_shape=[10, 10, 1], name="conv"),
        L.max_pooling2d(2, name="pool"),
        L.flatten(name="flat"),
        L.dense(10, activation="softmax", name="out"),
    )


def test_each_draw_has_its_part_and_its_layer():
    model = small()
    rows = model.explain(*data_of(model, 8)).rows
    told = [(row.part, row.layers) for row in rows]
    assert told[0] == ("batch", [])
    for expected in (
        ("forward", ["conv"]),
        ("forward", ["pool"]),
        ("forward", ["out"]),
        ("backward", ["out"]),
        # by where each window has its maximum: the map before it is never made
        ("backward", ["pool"]),
        ("weight gradients", ["conv"]),
        ("weight gradients", ["out"]),
        ("update", ["conv", "out"]),
        ("logs", []),
    ):
        assert expected in told, told
    assert len([part for part, _ in told if part == "logs"]) == 1
    # nothing but these two is changed by their gradients
    assert {tuple(layers) for part, layers in told if part == "weight gradients"} == {("conv",), ("out",)}
    conv = next(row for row in rows if row.computes.startswith("convolution of 8x10x10x1 and 3x3x1x4"))
    assert (conv.part, conv.layers) == ("forward", ["conv"]) and conv.computes.endswith("relu")


@pytest.mark.parametrize("model, count", [(cnn, 64), (lstm, 6), (small, 8)], ids=["cnn", "lstm", "small"])
def test_it_is_the_plan_that_runs(model, count):
    """To ask what draws are for changes none of them."""
    made = model()
    step = made.steps.train(made.samples(*data_of(made, count)).rows(), count)
    graph, marks = step.graph, [node for _, nodes in step.marks for node in nodes]
    work = at_once(explained(graph.inputs, graph.scalars, graph.outputs, graph.swaps, log=True, marks=marks))
    plan = plan_of(made, count)
    assert serialize(work.plan) == serialize(plan)
    found = made.explain(*data_of(made, count), batch_size=count)
    assert found.draws == len(plan.draws) == len(work.kernels)
    assert sum(row.share for row in found.rows) == pytest.approx(1)
    texels = sum(d.viewport[2] * d.viewport[3] * len(d.targets) for d in plan.draws)
    assert sum(row.bytes_written for row in found.rows) == 16 * texels


def test_multiply_adds_are_those_of_products():
    """At least: rows and columns are computed by fours."""
    model = named(L.dense(12, input_shape=[8], name="a"), L.dense(10, activation="softmax", name="b"))
    rows = model.explain(*data_of(model, 4)).rows
    [forward] = [row for row in rows if row.computes.startswith("product of 4x8 and 8x12")]
    assert forward.multiply_adds == 4 * 8 * 12 and forward.layers == ["a"]
    # each texel of the result wants a texel of each of four rows of the one, and of the other
    assert forward.fetches > 0 and forward.bytes_written == 4 * 4 * 12


def test_steps_of_a_loop_are_one_row():
    model = named(L.lstm(12, input_shape=[8, 4], name="lstm"), L.dense(10, activation="softmax", name="out"))
    rows = model.explain(*data_of(model, 6)).rows
    loops = [row for row in rows if row.draws == 8]
    assert {(row.part, *row.layers) for row in loops} == {("forward", "lstm"), ("backward", "lstm")}
    # the cell's weights are the layer's
    assert {name for row in rows for name in row.layers} == {"lstm", "out"}


def test_statistics_of_a_batch_are_the_normalizations():
    model = named(
        L.conv2d(4, 3, input_shape=[8, 8, 1], name="conv"),
        L.batch_normalization(name="norm"),
        L.flatten(name="flat"),
        L.dense(10, activation="softmax", name="out"),
    )
    rows = model.explain(*data_of(model, 8)).rows
    assert all("norm" in row.layers for row in rows if row.part == "forward" and "reduce_sum" in row.computes)
    assert ("weight gradients", ["norm"]) in [(row.part, row.layers) for row in rows]


def test_statistics_of_as_many_channels_as_samples_are_the_normalizations():
    """Their moving averages may be updated by the draw that has the loss of each sample."""
    model = workloads.cnn_batchnorm()
    rows = model.explain(*data_of(model, 32)).rows
    of_channels = [row for row in rows if row.part.startswith("forward") and "rsqrt" in row.computes]
    assert ["batch_normalization" in row.layers[0].lower() for row in of_channels] == [True, True]


def test_what_was_trained_last_is_explained(backend):
    model = small()
    with pytest.raises(ValueError, match="model 'model' has not been trained since it was compiled: train it, or give"):
        model.explain()
    asyncio.run(trained(model, 12, 4))
    assert model.explain().batch == 4 and model.steps.traces == 1
    asyncio.run(trained(model, 6, 6))
    found = model.explain()
    assert found.title.startswith("A step of model with 6 samples: ")
    assert [row.computes for row in found.rows] == [row.computes for row in model.explain(*data_of(model, 6)).rows]
    with pytest.raises(RuntimeError, match="compile"):
        wl.sequential([L.dense(1, input_shape=[1])]).explain()


async def trained(model, count, batch):
    await model.fit(*data_of(model, count), batch_size=batch, verbose=0)


def test_tables():
    model = small()
    found = model.explain(*data_of(model, 8))
    head, columns, *lines = str(found).splitlines()
    assert head == found.title and columns.split()[:4] == ["Draws", "Part", "Layer", "Computes"]
    assert len(lines) == len(found.rows) + 1 and lines[-1].split()[:2] == [str(found.draws), "all"]
    assert lines[-1].endswith("100.0%")
    assert found._repr_html_().count("<tr>") == len(found.rows) + 2


def test_the_picture(page_host):
    model = small()
    chart = wl.vis.show.plan("plan", model.explain(*data_of(model, 8)))
    bars, table = chart.data["charts"]
    assert sum(bars.data["values"]) == pytest.approx(100)
    assert set(bars.data["labels"]) >= {"conv", "out", "update", "batch", "logs"}
    assert table.data["headers"][0] == "Draws" and page_host.said[-1]["where"] == "plan"
    asyncio.run(trained(model, 8, 8))
    assert wl.vis.show.plan(None, model).title == chart.title


def test_layers_in_layers_are_told_apart_though_their_parts_have_the_same_names():
    blocks = [L.transformer_encoder(intermediate_dim=8, num_heads=2, name=name) for name in ("first", "second")]
    model = named(L.dense(8, input_shape=[4, 8], name="in"), *blocks, L.flatten(), L.dense(10, name="out"))
    rows = model.explain(*data_of(model, 8)).rows
    forward = [layer for row in rows if row.part == "forward" for layer in row.layers[:1]]
    assert list(dict.fromkeys(forward)) == ["in", "first", "second", "out"]
    assert forward.count("first") == forward.count("second") > 3
    updated = [set(row.layers) for row in rows if row.part == "weight gradients"]
    assert {"first"} in updated and {"second"} in updated
