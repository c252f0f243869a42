"""Logits of fitted scikit-learn pipelines."""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]


def pipeline_logit(pipeline: Pipeline, X: Floats) -> Floats:
    """Return the log-odds of bankruptcy before calibration, shape (rows,)."""
    classifier = pipeline[-1]
    transformed = pipeline[:-1].transform(X)
    if isinstance(classifier, MLPClassifier):
        return network_logit(classifier, transformed)
    logit: Floats = classifier.decision_function(transformed)
    return logit


def network_logit(network: MLPClassifier, X: Floats) -> Floats:
    """Return a network's log-odds of class 1, shape (rows,).

    MLPClassifier only returns probabilities, and a logit computed from a probability near 1 loses precision.
    So this uses a copy of the network without its last sigmoid.
    """
    without_sigmoid = copy.copy(network)
    without_sigmoid.out_activation_ = "identity"
    logit: Floats = without_sigmoid.predict_proba(X)[:, 1]
    return logit
