"""Lambda handler of the REST API, with its real dependencies."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger, Metrics

from predict_api.app import Dependencies, create_handler
from predict_api.contract import ContractStore
from predict_api.endpoint import ENDPOINT_CONFIG, S3_CONFIG, Endpoint
from predict_api.log.firehose import Firehose
from predict_api.log.predictions import PredictionLog


def _dependencies() -> Dependencies:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    logger, metrics = Logger(), Metrics()
    return Dependencies(
        contracts=ContractStore(
            session.create_client("s3", config=S3_CONFIG),
            os.environ["BUCKET"],
            clock=time.monotonic,
            logger=logger,
        ),
        endpoint=Endpoint(
            session.create_client("sagemaker-runtime", config=ENDPOINT_CONFIG), os.environ["ENDPOINT_NAME"]
        ),
        clock=time.monotonic,
        now=lambda: datetime.now(UTC),
        logger=logger,
        metrics=metrics,
        prediction_log=_prediction_log(session, logger, metrics),
        key_required=os.environ["API_KEY_REQUIRED"] != "false",
        cors_origins=tuple(origin.strip() for origin in os.environ["CORS_ORIGINS"].split(",")),
    )


def _prediction_log(session: Any, logger: Logger, metrics: Metrics) -> PredictionLog | None:
    content = os.environ["PREDICTION_LOG"]
    if content == "off":
        return None
    # The client only resolves the address.
    resolved = session.create_client("firehose").meta
    firehose = Firehose(
        resolved.endpoint_url,
        resolved.region_name,
        session.get_credentials(),
        os.environ["PREDICTION_STREAM"],
        clock=time.monotonic,
    )
    return PredictionLog(firehose, with_inputs=content == "full", logger=logger, metrics=metrics)


handler = create_handler(_dependencies())
