"""Recorded cases where we do not do what TensorFlow.js does, by test name, with the reason."""

_MEAN_OF_PADDED_WINDOWS = (
    "TensorFlow.js divides the gradient of a padded average pool by the whole window, its value by the cells that"
    " exist; ours is the gradient of the value (finite differences agree)"
)

DEPARTURES = {
    f"test_layers_and_their_gradients[{i}-averagePooling2d]": _MEAN_OF_PADDED_WINDOWS for i in (23, 26, 29, 32)
}
