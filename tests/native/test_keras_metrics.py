"""Metrics by name, written and read again, and over several batches."""

import numpy as np
import pytest

from tests.departures import KERAS_DEPARTURES
from tests.golden import keras
from tests.keras_cases import array
from weblayers import losses, metrics

CASES = [pytest.param(c, id=c["id"]) for c in keras("metrics") if c["id"] not in KERAS_DEPARTURES]


@pytest.mark.parametrize("case", CASES)
def test_configurations_come_back(case):
    metric = metrics.get(metrics.serialize(metrics.get(case["object"])))
    for update in case["updates"]:
        weight = update["sample_weight"]
        metric.update_state(*map(array, update["args"]), sample_weight=None if weight is None else array(weight))
    np.testing.assert_allclose(metric.result(), array(case["updates"][-1]["result"]), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "names",
    [
        ("mse", "MSE", "meanSquaredError", "mean_squared_error", {"class_name": "function", "config": "mse"}),
        ("bce", "binaryCrossentropy", "binary_crossentropy", losses.binary_crossentropy),
        ("binaryAccuracy", "binary_accuracy", "BinaryAccuracy", metrics.binary_accuracy),
        ("rmse", "rootMeanSquaredError", "RootMeanSquaredError", metrics.RootMeanSquaredError),
        ("precision", "Precision", {"class_name": "Precision", "config": {}}),
        ("topKCategoricalAccuracy", "top_k_categorical_accuracy", "TopKCategoricalAccuracy"),
        ("binary_iou", "binaryIoU", "BinaryIoU", "binary_io_u"),
        ("r2Score", "r2_score", "R2Score"),
        ("kld", "kl_divergence", "klDivergence", "KLDivergence", metrics.kl_divergence, losses.kl_divergence),
        ("auc", "AUC"),
    ],
)
def test_names(names):
    random = np.random.default_rng(0)
    y_true, y_pred = (random.random((2, 6, 1)) > 0.4).astype(np.float32), random.random((2, 6, 1)).astype(np.float32)
    results = []
    for name in names:
        metric = metrics.get(name)
        for batch in zip(y_true, y_pred, strict=True):
            metric.update_state(*batch)
        results.append(metric.result())
    np.testing.assert_allclose(results, results[0])


@pytest.mark.parametrize(
    "loss, classes, expected",
    [
        ("mse", 1, metrics.binary_accuracy),
        ("binaryCrossentropy", 3, metrics.binary_accuracy),
        ("sparseCategoricalCrossentropy", 3, metrics.sparse_categorical_accuracy),
        (losses.SparseCategoricalCrossentropy(from_logits=True), 3, metrics.sparse_categorical_accuracy),
        ("categoricalCrossentropy", 3, metrics.categorical_accuracy),
        (losses.mean_squared_error, 3, metrics.categorical_accuracy),
    ],
)
def test_accuracy_suits_the_loss(loss, classes, expected):
    assert metrics.get("accuracy", loss, classes).function is expected


def test_ignored_classes_do_not_count():
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    metric.update_state(np.array([0, -1], np.int32), np.array([[0.5, 0.5], [0.9, 0.1]], np.float32))
    np.testing.assert_allclose(metric.result(), np.log(2), rtol=1e-5)


def test_what_is_no_metric():
    with pytest.raises(ValueError, match="'accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(TypeError, match="not 5"):
        metrics.get(5)
