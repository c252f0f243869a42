"""Random ids and ARNs in the form that SageMaker uses."""

from __future__ import annotations

import secrets
import string

from local_aws.base.clients import ACCOUNT

_ALPHABET = string.ascii_lowercase + string.digits


def random_id(length: int) -> str:
    """Return a random id of lowercase letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def queue_url(url: str, arn: str) -> str:
    """Return the URL of an SQS queue at local AWS; senders on AWS know a queue by its ARN."""
    return f"{url}/{ACCOUNT}/{arn.rpartition(':')[2]}"


def sagemaker_arn(region: str, kind: str, name: str) -> str:
    """Return the ARN of a SageMaker resource, such as kind ``"endpoint"``."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name}"
