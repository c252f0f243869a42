"""Starts an execution of the training pipeline on data that was uploaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from watch_model.bucket import Bucket

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

# SageMaker reuses the results of steps whose inputs have the same URI. So only objects below the hash of
# their contents, as `bankruptcy data upload` writes them, are data: others could change under their URI.
_DATA = re.compile(r"data/(?P<sha256>[0-9a-f]{64})/[^/]+\.csv", re.IGNORECASE)


class Retraining:
    """Starts executions on new data.

    Parameters
    ----------
    bucket
        The project's bucket.
    sagemaker
        Client of the SageMaker API.
    pipeline
        Name of the training pipeline.
    """

    def __init__(self, bucket: Bucket, sagemaker: SageMakerClient, pipeline: str) -> None:
        self._bucket = bucket
        self._sagemaker = sagemaker
        self._pipeline = pipeline

    def start_on(self, key: str) -> dict[str, Any]:
        """Start the execution on an object that was uploaded; the same data starts only one.

        Returns
        -------
        dict
            ``action``: ``retraining`` with ``execution`` and ``data``, or ``ignored`` with ``data`` and the
            ``reason``: the object is not data, or has been deleted.
        """
        uri = self._bucket.uri(key)
        named = _DATA.fullmatch(key)
        if named is None:
            reason = "not a data file at data/<sha256>/<name>.csv; `bankruptcy data upload` writes those"
            return {"action": "ignored", "data": uri, "reason": reason}
        if not self._bucket.exists(key):
            return {"action": "ignored", "data": uri, "reason": "it was deleted before the execution started"}
        answer = self._sagemaker.start_pipeline_execution(
            PipelineName=self._pipeline,
            # EventBridge can deliver an event twice, and data can be uploaded twice, also under two names.
            ClientRequestToken=named["sha256"].lower(),
            PipelineParameters=[{"Name": "InputDataUri", "Value": uri}],
            PipelineExecutionDescription="Started by an upload of data (RetrainOn is new-data)",
        )
        return {"action": "retraining", "execution": answer["PipelineExecutionArn"], "data": uri}
