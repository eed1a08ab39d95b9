"""Recorded cases where we do not do what TensorFlow.js does, by test name, with the reason."""

_MEAN_OF_PADDED_WINDOWS = (
    "TensorFlow.js divides the gradient of a padded average pool by the whole window, its value by the cells that"
    " exist; ours is the gradient of the value (finite differences agree)"
)

_INTERPOLATION = "interpolation of images follows Keras 3 (pixel centres lie at halves)"
_AXIS = "batch normalization along an inner axis follows Keras 3; TensorFlow.js mixes up the axes"
_RANDOM = "random numbers of another generator"
_STATE = "the state was left by calls that were not recorded"
_TESTS_OWN = "a class of TensorFlow.js' own tests"
_CROP = "of an odd margin TensorFlow.js cuts more at the left and less at the top; Keras 3 less at both"
_UNRECORDED = "the validation data, class weights, sample weights or callbacks were not recorded"
_TINY = "Adam makes whole steps of gradients that are rounding errors"

# By kind and name of the recorded case.
DEPARTURES = {
    **{("layers", f"{i}-averagePooling2d"): _MEAN_OF_PADDED_WINDOWS for i in (50, 55, 60, 65)},
    ("layers", "89-averagePooling1d"): _MEAN_OF_PADDED_WINDOWS,
    ("layers", "91-averagePooling3d"): _MEAN_OF_PADDED_WINDOWS,
    ("layers", "99-upSampling2d"): _INTERPOLATION,
    ("layers", "152-resizing"): _INTERPOLATION,
    **{("layers", f"{i}-batchNormalization"): _AXIS for i in (122, 125)},
    ("layers", "149-rnn"): "TensorFlow.js does not write the class of stacked cells",
    ("layer_calls", "322-RNN"): "TensorFlow.js does not write the class of stacked cells",
    **{("layer_calls", f"{i}-Dropout"): _RANDOM for i in (44, 46, 112, 184)},
    **{("layer_calls", f"{i}-GaussianNoise"): _RANDOM for i in (224, 225)},
    **{("layer_calls", f"{i}-AlphaDropout"): _RANDOM for i in (228, 229)},
    **{("layer_calls", f"{i}-TransformerDecoder"): "the weights were not recorded" for i in (166, 167, 168, 180)},
    **{("layer_calls", f"{i}-LayerNormalization"): "equal inputs: rounding decides" for i in (246, 247)},
    ("fits", "40-SGD"): "a loss of 1e8: rounding decides",
    **{("layer_calls", f"{i}-GRU"): _RANDOM for i in (305, 306)},
    ("layer_calls", "324-LSTM"): _RANDOM,
    **{("layer_calls", f"{i}-GRU"): _STATE for i in (315, 317)},
    ("layer_calls", "331-LSTM"): _STATE,
    ("layer_calls", "187-Softmax"): "a softmax of nothing is 0, as in Keras 3; TensorFlow.js shares it evenly",
    ("layer_calls", "231-BatchNormalization"): "the batch axis has no size to normalize along",
    **{("layer_calls", f"{i}-CenterCrop"): _CROP for i in (286, 288)},
    ("layer_calls", "291-Resizing"): _INTERPOLATION,
    ("layer_calls", "294-RandomHeight"): _INTERPOLATION,
    ("layer_calls", "296-RandomWidth"): _INTERPOLATION,
    **{("layer_calls", f"{i}-RNN"): _TESTS_OWN for i in (297, 298)},
    ("layer_calls", "356-Bidirectional"): "one initial state for two directions",
    ("optimizers", "8-adadelta"): "Adadelta divides by the new accumulator",
    ("trajectories", "4-mlp_adadelta"): "Adadelta divides by the new accumulator",
    (
        "trajectories",
        "7-l2_reg",
    ): "recorded with shuffling: its first loss is that of other samples than the first four",
    ("trajectories", "6-softmax_clf_val_classweight"): _UNRECORDED,
    **{("fits", f"{i}-SGD"): _UNRECORDED for i in (1, 2, 3, 4, 17, 27, 28, 35, 36, 37, 38)},
    ("fits", "54-Adadelta"): _UNRECORDED,
    ("fits", "55-Adagrad"): _UNRECORDED,
    **{("fits", f"{i}-Adam"): _TINY for i in (18, 20)},
}

_HARD_SIGMOID = "hard_sigmoid is TensorFlow.js' 0.2 x + 0.5; Keras 3 has x / 6 + 0.5"
_KERAS_315 = "sliding windows and gates are options of Keras 3.15 that are not offered"
_NO_KEY = "a query that may attend to no key at all: its weights mean nothing"
_ADAM = "TensorFlow.js adds Adam's epsilon after the bias correction: visible where gradients are tiny"
_INTEGER_WEIGHTS = "Keras truncates the sample weights to integers, as its confusion matrix is one of integers"

# Recorded cases of Keras by their id.
KERAS_DEPARTURES = {
    **dict.fromkeys(("GRU_054", "LSTM_024", "ConvLSTM1D_006"), _HARD_SIGMOID),
    **dict.fromkeys(("MultiHeadAttention_007", "MultiHeadAttention_008"), _KERAS_315),
    **dict.fromkeys(("GroupedQueryAttention_006", "GroupedQueryAttention_007"), _KERAS_315),
    "RandomCrop_001": "except in training Keras gives the whole image; ours the middle, of one shape with training",
    "MultiHeadAttention_012": _NO_KEY,
    **dict.fromkeys(("IoU_149", "MeanIoU_151", "BinaryIoU_155", "OneHotMeanIoU_159"), _INTEGER_WEIGHTS),
    "sparsemax_0_0": "Keras' sparsemax is wrong for tensors of rank 3: its results do not sum to 1",
    **dict.fromkeys(("Adam_003", "Adam_004", "Adam_020", "AdamW_004", "AdamW_005"), _ADAM),
}

# Optimizers whose steps are not Keras' own, in random models.
KERAS_OPTIMIZERS = {
    "Adam": _ADAM,
    "AdamW": _ADAM,
    # with a schedule: TensorFlow.js' momentum has the learning rate of the steps before in it
    "LossScaleOptimizer": "around Nadam, Keras does not keep the product of the momenta; Adam departs anyway",
}

# Layers whose training is not that of Keras on JAX, in random models.
KERAS_TRAINING = {
    "SpectralNormalization": "the kernel stays normalized, as on TensorFlow; on JAX Keras drops what it assigns to it",
}

# Regularizers whose gradient at 0, where NonNeg holds weights, is a convention, in random models.
KERAS_KINKS = dict.fromkeys(("L1", "L1L2"), "the gradient of |w| at 0 is 1 on JAX; on TensorFlow, PyTorch and ours 0")
