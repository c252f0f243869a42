"""Lambda handler that deploys the newest approved model to the endpoint."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from deploy_model.reconcile import Reconciler, Step
from deploy_model.settings import Settings

# A serverless endpoint can need most of a minute for its first answer.
_SMOKE_TEST = Config(connect_timeout=3, read_timeout=55, retries={"total_max_attempts": 1})
_CONTROL = Config(connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 5, "mode": "standard"})

logger = Logger(service="deploy_model")


@cache
def _reconciler() -> Reconciler:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    return Reconciler(
        Settings.from_environment(os.environ),
        sagemaker=session.create_client("sagemaker", config=_CONTROL),
        runtime=session.create_client("sagemaker-runtime", config=_SMOKE_TEST),
        autoscaling=session.create_client("application-autoscaling", config=_CONTROL),
        cloudwatch=session.create_client("cloudwatch", config=_CONTROL),
        s3=session.create_client("s3", config=_CONTROL),
        ssm=session.create_client("ssm", config=_CONTROL),
    )


def handler(event: dict[str, Any], context: object) -> Step:  # noqa: ARG001 - Lambda's signature
    """Take one step toward the desired state; the event only says that something may have changed."""
    step = _reconciler().step()
    cause = {
        "source": event.get("source"),
        "detail_type": event.get("detail-type"),
        "event_id": event.get("id"),
    }
    given_up = {*step.get("unfit", {}), *step.get("given_up", [])}
    if "blocked" in step:
        given_up.add(step["config"])
    is_problem = given_up or step.keys() & {"aborted", "rolled_back"}
    (logger.error if is_problem else logger.info)("reconciled", extra={"step": step, "cause": cause})
    if step["action"] != "wait":  # "wait" does not look at the versions
        # The alarm ends with a count of 0: when the version is rejected, or in service after all.
        with single_metric("VersionsGivenUp", MetricUnit.Count, len(given_up)):
            pass
    return step
