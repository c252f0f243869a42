"""Reads the messages that local AWS keeps instead of sending them to people."""

import json
from typing import Any

import urllib3

from scripts.aws.session import local_address, no_local_aws

_PATH = "/_local/outbox"


def read_outbox() -> list[dict[str, Any]]:
    """Return the messages of local AWS, oldest first.

    Raises
    ------
    ConnectionFailedError
        If local AWS does not answer.
    """
    url = local_address()
    try:
        answer = urllib3.request("GET", url + _PATH, timeout=10, retries=False)
        messages: list[dict[str, Any]] = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise no_local_aws(url) from error
    return messages
