"""Runs the served form of a fitted pipeline, before it is written to files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from inference.forward import chain
from inference.forward.stage import run_in_chunks
from steps.export.served import pipeline_stages

Floats = NDArray[np.float64]


def served_logit(pipeline: Pipeline) -> Callable[[Floats], Floats]:
    """Return a function that computes the pipeline's log-odds as the endpoint does.

    It takes companies, (n, k), and returns their log-odds before calibration, (n,). It is several times
    faster than scikit-learn; Evaluate checks that both give the same probabilities.
    """
    specs, arrays = pipeline_stages(pipeline)
    stages = chain(specs, arrays, pipeline[0].n_features_in_)
    return lambda X: run_in_chunks(stages, X)
