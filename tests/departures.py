"""Recorded cases where we do not do what TensorFlow.js does, by test name, with the reason."""

_MEAN_OF_PADDED_WINDOWS = (
    "TensorFlow.js divides the gradient of a padded average pool by the whole window, its value by the cells that"
    " exist; ours is the gradient of the value (finite differences agree)"
)

DEPARTURES = {
    f"test_layers_and_their_gradients[{i}-averagePooling2d]": _MEAN_OF_PADDED_WINDOWS for i in (23, 26, 29, 32)
}

_HARD_SIGMOID = "hard_sigmoid is TensorFlow.js' 0.2 x + 0.5; Keras 3 has x / 6 + 0.5"
_RENORM = "batch renormalization is not offered"
_KERAS_315 = "sliding windows and gates are options of Keras 3.15 that are not offered"
_NO_KEY = "a query that may attend to no key at all: its weights mean nothing"
_ADAM = "TensorFlow.js adds Adam's epsilon after the bias correction: visible where gradients are tiny"
_EDGE = "at the very edge of a limited interval; ours shares the gradient between both sides"
_INTEGER_WEIGHTS = "Keras truncates the sample weights to integers, as its confusion matrix is one of integers"
_NOT_OFFERED = "this optimizer is not offered"

# Recorded cases of Keras by their id.
KERAS_DEPARTURES = {
    **dict.fromkeys(("GRU_054", "LSTM_024", "ConvLSTM1D_006"), _HARD_SIGMOID),
    **dict.fromkeys(("BatchNormalization_028", "BatchNormalization_029", "BatchNormalization_038"), _RENORM),
    **dict.fromkeys(("MultiHeadAttention_007", "MultiHeadAttention_008"), _KERAS_315),
    **dict.fromkeys(("GroupedQueryAttention_006", "GroupedQueryAttention_007"), _KERAS_315),
    "MultiHeadAttention_012": _NO_KEY,
    "Resizing_019": "padding to the aspect ratio: Keras fills in another place; not understood yet",
    "SparseTopKCategoricalAccuracy_026": "from_sorted_ids is an option of Keras 3.15 that is not offered",
    "SparseCategoricalCrossentropy_041": "as a metric, a sample of the ignored class counts as zero",
    **dict.fromkeys(("IoU_149", "MeanIoU_151", "BinaryIoU_155", "OneHotMeanIoU_159"), _INTEGER_WEIGHTS),
    **dict.fromkeys(("hard_silu_0_1", "hard_swish_0_1", "sparse_sigmoid_0_1"), _EDGE),
    "sparsemax_0_0": "Keras' sparsemax is wrong for tensors of rank 3: its results do not sum to 1",
    **dict.fromkeys(("Adam_003", "Adam_004", "Adam_020", "AdamW_004", "AdamW_005"), _ADAM),
    **{f"Muon_{i:03}": _NOT_OFFERED for i in (0, 6, 8, 9, 10, 11, 14, 15)},
    **{f"ScheduleFreeAdamW_{i:03}": _NOT_OFFERED for i in (5, 7, 8, 12)},
    "LossScaleOptimizer_001": _NOT_OFFERED,
}
