"""Lambda handler that asks the REST API for a known answer, and records whether it came."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import botocore.session
import urllib3
from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config

from watch_api.watch import Watch

_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"})

logger = Logger(service="watch_api")


def api_url(environment: dict[str, str]) -> str:
    """Return the address of the stage; on local AWS, the local one."""
    local = environment.get("AWS_ENDPOINT_URL")
    if local:
        return f"{local}/restapis/{environment['REST_API_ID']}/prod/_user_request_"
    return environment["API_URL"]


@cache
def _watch() -> Watch:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    apigateway, s3, ssm = (
        session.create_client(name, config=_CONFIG) for name in ("apigateway", "s3", "ssm")
    )
    environment = dict(os.environ)
    return Watch(
        urllib3.PoolManager(timeout=urllib3.Timeout(connect=3, read=29), retries=False),
        apigateway,
        s3,
        ssm,
        url=api_url(environment),
        key_id=environment["API_KEY_ID"],
        bucket=environment["BUCKET"],
        paused_parameter=environment["PAUSED_PARAMETER"],
    )


def handler(event: object, context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Ask once; the alarm counts the failures, and also notices if there is no count."""
    problem = _watch().problem()
    (logger.error if problem else logger.info)("asked", extra={"problem": problem})
    with single_metric("KnownAnswerFailed", MetricUnit.Count, 1 if problem else 0):
        pass
    return {"problem": problem}
