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


def _dependencies() -> Dependencies:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    logger = Logger()
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
        metrics=Metrics(),
        key_required=os.environ["API_KEY_REQUIRED"] != "false",
        cors_origins=tuple(origin.strip() for origin in os.environ["CORS_ORIGINS"].split(",")),
    )


handler = create_handler(_dependencies())
