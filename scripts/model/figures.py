"""Reads the evaluation of a version, and puts its figures into words."""

import json
import math
from collections.abc import Iterator
from typing import Any

from scripts.aws.files import read_if_present
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws
from steps.dataset.known_files import SAMPLE_FILE_NAME

# The metrics of an evaluation with their labels and digits.
METRICS = (
    ("roc_auc", "ROC-AUC", 3),
    ("pr_auc", "PR-AUC", 3),
    ("brier", "Brier score", 4),
    ("recall_at_5_percent_fpr", "recall, 5 % FPR", 2),
)


def evaluation_of(aws: Aws, package: dict[str, Any]) -> dict[str, Any] | None:
    """Return the evaluation.json of a version; None if it was registered without one, or it was deleted."""
    uri = metadata_of(package).get("EvaluationUri")
    content = uri and read_if_present(aws, uri)
    return json.loads(content) if content else None


def figure_texts(evaluation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield labels and figures of the selected candidate, and its comparison with that time's champion."""
    test = evaluation["test"]
    origin = "sample data, one split" if evaluation["data"]["file"] == SAMPLE_FILE_NAME else "one split"
    yield (
        "evaluated on",
        f"{test['companies']:,} unseen companies, {test['bankruptcies']} of them bankrupt ({origin})",
    )
    yield from metric_texts(evaluation)
    yield "against the champion", _comparison(evaluation["champion"])


def metric_texts(evaluation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield labels and values of the selected candidate's metrics, with their 95 % intervals."""
    for name, label, digits in METRICS:
        yield label, _interval(_metrics_of(evaluation)[name], f".{digits}f")


def difference_texts(left: dict[str, Any], right: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield labels and differences of two evaluations' metrics, right minus left, with 95 % intervals.

    The intervals combine those of both metrics as for independent samples (G. Y. Zou and A. Donner,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008). They are too
    wide if both versions were judged on the same companies, see `same_companies`.
    """
    for name, label, digits in METRICS:
        old, new = (_metrics_of(each)[name] for each in (left, right))
        value = new["value"] - old["value"]
        difference = {
            "value": value,
            "low": value - math.hypot(new["value"] - new["low"], old["high"] - old["value"]),
            "high": value + math.hypot(new["high"] - new["value"], old["value"] - old["low"]),
        }
        yield label, _interval(difference, f"+.{digits}f")


def same_companies(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Return whether two versions were judged on the same companies; False if that is not certain."""
    splits = [
        (
            each["data"].get("sha256"),
            each.get("split_rule"),
            each["test"],
            each.get("provenance", {}).get("parameters", {}).get("RandomSeed"),
        )
        for each in (left, right)
    ]
    return splits[0] == splits[1] and None not in splits[0]


def _metrics_of(evaluation: dict[str, Any]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = evaluation["candidates"][evaluation["selected"]["candidate"]][
        "intervals"
    ]
    return found


def _comparison(champion: dict[str, Any] | None) -> str:
    if champion is None:
        return "there was none"
    if not champion["compared"]:
        return f"not compared: {champion['reason']}"
    found = champion["comparison"]
    loss = {name: 100 * share for name, share in found["log_loss_increase"].items()}
    return (
        f"{found['verdict']}: ROC-AUC {_interval(found['roc_auc_difference'], '+.3f')}, "
        f"log loss in % {_interval(loss, '+.1f')}"
    )


def _interval(figure: dict[str, float], form: str) -> str:
    """Return a figure with its 95 % interval."""
    return f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})"
