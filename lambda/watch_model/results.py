"""Reads the results of a finished execution, and keeps the newest one where the next execution finds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from watch_model.bucket import Bucket

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

LATEST = "monitoring/latest/monitoring.json"
_FILES = ("monitoring.json", "monitoring.html")


class Results:
    """The results of monitoring.

    Parameters
    ----------
    bucket
        The project's bucket.
    sagemaker
        Client of the SageMaker API.
    """

    def __init__(self, bucket: Bucket, sagemaker: SageMakerClient) -> None:
        self._bucket = bucket
        self._sagemaker = sagemaker

    def publish(self, execution: str) -> dict[str, float]:
        """Publish the results of a finished execution.

        Returns
        -------
        dict
            Metrics by name; empty if newer results are published, or for a period that a person chose.
        """
        parameters = self._parameters(execution)
        folder = parameters["RunUri"].removeprefix(self._bucket.uri(""))
        document = self._bucket.read_json(f"{folder}/monitoring.json")
        latest = self._bucket.read_json(LATEST)
        if parameters["WindowStart"] != "none" or (latest and latest["time"] > document["time"]):
            return {}
        for name in _FILES:
            self._bucket.copy_if_present(f"{folder}/{name}", f"monitoring/latest/{name}")
        return metrics(document)

    def _parameters(self, execution: str) -> dict[str, str]:
        pages = self._sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=execution
        )
        return {item["Name"]: item["Value"] for page in pages for item in page["PipelineParameters"]}


def metrics(document: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of monitoring.json; a metric of quality is missing if no version has it."""
    alarms = document["alarms"]
    expected = {version: facts["expected"] for version, facts in document["versions"].items()}
    realised = {version: facts["metrics"] for version, facts in document["realised"].items()}
    return {
        **_newest("ExpectedRocAuc", expected),
        **_newest("RealisedRocAuc", realised),
        "MonitoredPredictions": document["predictions"],
        "DriftingColumns": len(alarms["drift"]),
        "VersionsOfLowQuality": len(alarms["quality"]),
        "UnreadablePredictions": document["left_out"]["unreadable"],
    }


def _newest(name: str, quality: Mapping[str, Mapping[str, Any] | None]) -> dict[str, float]:
    """Return the ROC-AUC of the newest version that has one, as a metric of this name; else nothing."""
    known = {
        int(version): figures["roc_auc"]["value"]
        for version, figures in quality.items()
        if figures is not None and figures["roc_auc"]["value"] is not None
    }
    return {name: known[max(known)]} if known else {}
