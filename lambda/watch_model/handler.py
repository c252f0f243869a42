"""Lambda handler: starts monitoring on a schedule or by hand, publishes its results, and retrains."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from watch_model.bucket import Bucket
from watch_model.results import Results
from watch_model.retraining import Retraining
from watch_model.runs import SETTLED, Runs
from watch_model.settings import Settings

_CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 5, "mode": "standard"})
_SCHEDULED = "Scheduled Event"
_UPLOADED = "Object Created"
_ENDED = "SageMaker Model Building Pipeline Execution Status Change"

logger = Logger(service="watch_model")


@cache
def _parts() -> tuple[Runs, Results, Retraining]:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    settings = Settings.from_environment(os.environ)
    sagemaker, s3, ssm = (session.create_client(name, config=_CONFIG) for name in ("sagemaker", "s3", "ssm"))
    bucket = Bucket(s3, settings.bucket)
    return (
        Runs(settings, bucket, sagemaker=sagemaker, ssm=ssm),
        Results(bucket, sagemaker),
        Retraining(bucket, sagemaker, settings.training_pipeline),
    )


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Start monitoring, publish the results of an execution that ended, or retrain on an uploaded object.

    A person's event has ``start`` and ``end`` for the predictions of a period, or neither for those since the
    last execution. Then ``settled`` can say how many seconds old an object must be.
    """
    runs, results, retraining = _parts()
    if event.get("detail-type") == _ENDED:
        step: dict[str, Any] = {"action": "published"}
        step["metrics"] = results.publish(event["detail"]["pipelineExecutionArn"])
        for name, value in step["metrics"].items():
            _count(name, value)
    elif event.get("detail-type") == _UPLOADED:
        step = retraining.start_on(event["detail"]["object"]["key"])
    elif "start" in event:
        step = runs.start_window(datetime.fromisoformat(event["start"]), datetime.fromisoformat(event["end"]))
    else:
        step = runs.start_next(timedelta(seconds=event.get("settled", SETTLED.total_seconds())))
        # A person can start monitoring right after a deployment, before there are clients.
        if event.get("detail-type") == _SCHEDULED:
            _count("SilentWindows", int(step.get("silent", False)))
    log = logger.warning if step["action"] == "ignored" else logger.info
    log("watched", extra={"step": step, "detail_type": event.get("detail-type")})
    return step


def _count(name: str, value: float) -> None:
    with single_metric(name, MetricUnit.Count, value):
        pass
