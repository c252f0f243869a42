"""Lambda handler that publishes the notices of an event to the SNS topic, once for each fact."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import botocore.session
from aws_lambda_powertools import Logger
from botocore.config import Config

from send_notices.facts import Facts
from send_notices.marks import BusyError, Marks
from send_notices.notice import Notice

_CONFIG = Config(connect_timeout=3, read_timeout=15, retries={"total_max_attempts": 3, "mode": "standard"})

# Publishing takes a fraction of a second.
_WAITS = (0.5, 1.0, 2.0, 4.0)

logger = Logger(service="send_notices")


class Sender:
    """Publishes the notices of events.

    Parameters
    ----------
    facts
        Reads what an event says.
    marks
        Remembers what was published.
    sns
        Client of SNS.
    topic
        ARN of the topic.
    sleep
        Waits for a number of seconds.
    """

    def __init__(
        self, facts: Facts, marks: Marks, sns: Any, topic: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._facts = facts
        self._marks = marks
        self._sns = sns
        self._topic = topic
        self._sleep = sleep

    def send(self, event: dict[str, Any], request_id: str) -> list[Notice]:
        """Publish the notices of an event that were not published before, and return them."""
        sent = []
        for notice in self._facts.notices(event):
            if self._claim(notice, request_id):
                self._sns.publish(TopicArn=self._topic, Subject=notice.title, Message=notice.text)
                self._marks.confirm(notice, request_id)
                sent.append(notice)
        return sent

    def _claim(self, notice: Notice, request_id: str) -> bool:
        """Return whether this call must publish a notice; wait for another call that may be publishing it.

        A failure would also be repeated by Lambda, but it would raise the alarm on failed calls.
        """
        for seconds in _WAITS:
            with suppress(BusyError):
                return self._marks.claim(notice, request_id)
            self._sleep(seconds)
        return self._marks.claim(notice, request_id)


@cache
def _sender() -> Sender:
    # botocore only: importing boto3 would double the cold start.
    session: Any = botocore.session.get_session()
    sagemaker, s3, sns = (session.create_client(name, config=_CONFIG) for name in ("sagemaker", "s3", "sns"))
    return Sender(
        Facts(sagemaker, s3, os.environ["PROJECT_NAME"], os.environ["MODEL_PACKAGES_ARN"]),
        Marks(s3, os.environ["BUCKET"]),
        sns,
        os.environ["TOPIC_ARN"],
    )


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Publish the notices of an event of SageMaker, or of a step of deploy_model."""
    sent = [notice.subject for notice in _sender().send(event, context.aws_request_id)]
    logger.info("handled", extra={"sent": sent, "detail_type": event.get("detail-type")})
    return {"sent": sent}
