"""What is inside models: values between layers, uses and their references, hooks, states, expectations."""

import numpy as np
import pytest

import weblayers as wl

L = wl.layers
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def two_ends():
    a, b = wl.input(shape=[3], name="a"), wl.input(shape=[3], name="b")
    hidden = L.dense(4, name="hidden")
    both = L.concatenate(name="both").apply([hidden.apply(a), b])
    return wl.model(inputs=[a, b], outputs=L.dense(1, name="out").apply(both))


def test_execute_gives_values_between_layers():
    model = two_ends()
    kernel, bias = (w.numpy() for w in model.get_layer("hidden").get_weights())
    hidden, both = model.execute([X, X], ["hidden", "both/both"])
    np.testing.assert_allclose(hidden.numpy(), X @ kernel + bias, rtol=1e-5)
    np.testing.assert_allclose(both.numpy(), np.concatenate([hidden.numpy(), X], 1), rtol=1e-5)
    np.testing.assert_allclose(model.execute({"a": X, "b": X}, "out").numpy(), model.predict([X, X]).numpy(), rtol=1e-6)
    np.testing.assert_array_equal(model.execute({"a": X, "b": X * 2}, "b").numpy(), X * 2)


def test_execute_refuses():
    model = two_ends()
    with pytest.raises(ValueError, match="empty"):
        model.execute([X, X], [])
    with pytest.raises(ValueError, match=r"'hiden'.*Did you mean 'hidden'"):
        model.execute([X, X], "hiden")
    with pytest.raises(ValueError, match="2 inputs"):
        model.execute([X], "out")
    x, shared = wl.input(shape=[3]), L.dense(3, name="shared")
    with pytest.raises(ValueError, match="used several times"):
        wl.model(inputs=x, outputs=shared.apply(shared.apply(x))).execute(X, "shared")


def numbers(result):
    return result.refCountAfterDispose, result.numDisposedVariables


def dense_model(**compiled):
    model = wl.sequential([L.dense(1, input_shape=[3])])
    if compiled:
        model.compile(**compiled)
        model.fit(X, X[:, :1], verbose=0).result()
    return model


def test_a_model_frees_its_weights_and_the_optimizer_that_it_made():
    assert numbers(dense_model().dispose()) == (0, 2)
    model = dense_model(optimizer="adam", loss="mse")
    states = len(model.optimizer.variables())
    assert states >= 4 and numbers(model.dispose()) == (0, 2 + states)
    adam = wl.train.adam(0.01)
    assert numbers(dense_model(optimizer=adam, loss="mse").dispose()) == (0, 2)
    assert not any(state.is_disposed for state in adam.variables())
    with pytest.raises(RuntimeError, match="already disposed"):
        model.predict(X)
    with pytest.raises(RuntimeError, match="already disposed"):
        model.dispose()


def test_a_layer_of_two_models_stays_until_the_second_goes():
    shared = L.dense(2)
    first, second = (wl.model(inputs=x, outputs=shared.apply(x)) for x in (wl.input(shape=[3]), wl.input(shape=[3])))
    assert numbers(first.dispose()) == (0, 0)
    assert second.predict(X).shape == (2, 2)
    assert numbers(second.dispose()) == (0, 2)
    with pytest.raises(RuntimeError, match="already disposed"):
        shared.apply(X)


def test_models_over_the_same_uses_share_them():
    whole = wl.sequential([L.dense(4, input_shape=[3]), L.dense(1)])
    part = wl.model(inputs=whole.inputs, outputs=whole.layers[0].output)
    assert numbers(whole.dispose()) == (0, 2)
    assert part.predict(X).shape == (2, 4)
    assert numbers(part.dispose()) == (0, 2)


def test_a_layer_used_twice_in_a_model_goes_with_it():
    x, shared = wl.input(shape=[3]), L.dense(3)
    assert numbers(wl.model(inputs=x, outputs=shared.apply(shared.apply(x))).dispose()) == (0, 2)


def test_a_model_inside_a_model():
    inner = wl.sequential([L.dense(2, input_shape=[3])])
    x = wl.input(shape=[3])
    outer = wl.model(inputs=x, outputs=L.dense(1).apply(inner.apply(x)))
    other = wl.model(inputs=(y := wl.input(shape=[3])), outputs=inner.apply(y))
    assert numbers(outer.dispose()) == (0, 2)
    assert inner.predict(X).shape == (2, 2)
    assert numbers(other.dispose()) == (0, 2)
    with pytest.raises(RuntimeError, match="already disposed"):
        inner.predict(X)


def test_a_model_inside_another_is_given_back_one_by_one():
    inner = wl.sequential([L.dense(2, input_shape=[3])])
    inner.apply(wl.input(shape=[3]))
    assert numbers(inner.dispose()) == (1, 0)
    assert numbers(inner.dispose()) == (0, 2)


def test_a_layer_by_itself():
    layer = L.dense(2)
    with pytest.raises(RuntimeError, match="has not been built yet"):
        layer.dispose()
    layer.apply(wl.input(shape=[3]))
    layer.apply(wl.input(shape=[3]))
    assert [numbers(layer.dispose()) for _ in range(2)] == [(1, 0), (0, 2)]


def test_uses_of_a_layer():
    x, y, layer = wl.input(shape=[3]), wl.input(shape=[5, 3]), L.dense(2)
    with pytest.raises(RuntimeError, match="never been used"):
        layer.output_shape  # noqa: B018
    out = layer.apply(x)
    after = L.re_lu()
    read = after.apply(out)
    assert layer.output_shape == (None, 2) and layer.output is out and out.inputs == [x]
    assert [call.layer for call in layer.outbound_nodes] == [after] and read.source_layer is after
    other = layer.apply(y)
    assert layer.get_output_at(1) is other and layer.getInputAt(0) is x and other.node_index == 1
    with pytest.raises(RuntimeError, match="different output shapes"):
        layer.output_shape  # noqa: B018
    with pytest.raises(ValueError, match="use 2"):
        layer.get_input_at(2)


def test_a_hook_sees_every_call():
    layer, seen = L.dense(2), []
    layer.setCallHook(lambda inputs, arguments: seen.append(inputs.shape))
    layer.apply(X)
    layer.clear_call_hook()
    layer.apply(X)
    assert seen == [(2, 3)]


def test_regularizers_can_be_asked():
    layer = L.dense(1, kernel_initializer="ones", kernel_regularizer=wl.regularizers.l2(0.5))
    layer.apply(X)
    assert [loss.array_sync() for loss in layer.calculate_losses()] == [1.5]
    assert [loss.array_sync() for loss in wl.sequential([L.flatten(input_shape=[3]), layer]).losses] == [1.5]


def test_weights_begin_with_zeros_where_they_are_replaced_anyway():
    layer = L.dense(2)
    layer.set_fast_weight_init_during_build(True)
    layer.apply(X)
    assert not layer.get_weights()[0].numpy().any()


def test_states_of_a_model():
    model = wl.sequential([L.lstm(2, stateful=True, batch_input_shape=[2, 3, 1]), L.dense(1)])
    assert model.stateful
    x = X.reshape(2, 3, 1)
    first = model.predict(x).numpy()
    assert not np.allclose(model.predict(x).numpy(), first)
    model.reset_states()
    np.testing.assert_allclose(model.predict(x).numpy(), first, rtol=1e-5)
    with pytest.raises(RuntimeError, match="not stateful"):
        model.layers[1].reset_states()
    assert not dense_model().stateful


SPECS = {
    "ndim=2, found ndim=1": wl.InputSpec(ndim=2),
    "min_ndim=3": wl.InputSpec({"minNDim": 3}),
    "max_ndim=0": wl.InputSpec(max_ndim=0),
    "dtype=int32": wl.InputSpec(dtype="int32"),
    "axis 0 of input shape to have value 3": wl.InputSpec(shape=[3]),
    "axis -1 of input shape to have value 4": wl.InputSpec(axes={-1: 4}),
    "an axis 1": wl.InputSpec(axes={1: None}),
    "expects 2 inputs": [wl.InputSpec(), wl.InputSpec()],
}


@pytest.mark.parametrize("message", SPECS)
def test_expectations_of_inputs(message):
    layer = L.identity()
    layer.input_spec = [wl.InputSpec(ndim=1, shape=[2], dtype="float32")]
    layer.apply(wl.ones([2]))
    layer.input_spec = SPECS[message]
    with pytest.raises(ValueError, match=message):
        layer.apply(wl.ones([2]))


def test_notes_and_places():
    model = two_ends()
    model.setUserDefinedMetadata({"made": "here"})
    assert model.get_user_defined_metadata() == {"made": "here"}
    assert model.find_layer(-1).name == "out"
    assert [layer.name for layer in model.input_layers] == ["a", "b"]
    assert [layer.name for layer in model.output_layers] == ["out"]
    assert [w.name for w in model.input] == ["a", "b"] and model.output.shape == (None, 1)
    variable = model.weights[0]
    assert variable.write(np.ones((3, 4), np.float32)).read().array_sync() == np.ones((3, 4)).tolist()
