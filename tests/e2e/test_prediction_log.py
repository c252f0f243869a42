"""The log of predictions through the real API, while Firehose fails and while functions are killed.

`make test-log` sends 100,000 predictions while functions are killed.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import urllib3
from support.campaign import SEED, size
from support.deployment.project import REGION
from support.local_aws.cloud import eventually
from support.local_aws.environment import point_at
from support.local_aws.kills import PREDICT_API, kill
from support.models.small import register

from local_aws.base import clock
from local_aws.firehose.api import LocalFirehose
from local_aws.server import LocalAws
from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import deploy
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.predict.client import ApiClient, ApiError, client_of

PREDICTIONS = size(1000)
MOST_COMPANIES = 40  # in a request
CLIENTS = 8
BETWEEN_KILLS = max(200, PREDICTIONS // 200)  # answered predictions
NAMES = [f"ratio {number}" for number in range(10)]
COMPANIES = [[0.1] * len(NAMES), [0.5] * len(NAMES), [0.9] * len(NAMES)]
# What differs between two answers to the same request.
_OWN = re.compile(r'"(prediction_id|timestamp)": "[^"]*"')


@dataclass
class Service:
    """The deployed project, and a client of its API."""

    aws: Aws
    api: ApiClient

    @property
    def stream(self) -> str:
        """The name of the delivery stream."""
        return f"{self.aws.project.name}-predictions"

    def predict(self) -> str:
        """Return the answer to the same request, without what is new in each answer."""
        return _OWN.sub("", json.dumps(self.api.predict({"instances": COMPANIES})))

    def count(self, metric: str) -> float:
        """Return the sum of one of predict_api's metrics so far."""
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace=self.aws.project.name,
            MetricName=metric,
            Dimensions=[{"Name": "service", "Value": self.aws.project.predict_function}],
            StartTime=clock.now() - timedelta(hours=3),
            EndTime=clock.now() + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )
        return float(sum(each["Sum"] for each in found["Datapoints"]))

    def alarm(self) -> str:
        """Return the state of the alarm on lost predictions."""
        name = f"{self.aws.project.name}-predictions-lost"
        [found] = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["StateValue"])

    def logged(self) -> list[str]:
        """Return the ids of the predictions in the bucket."""
        s3, bucket = self.aws.client("s3"), self.aws.project.bucket
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="predictions/")
        bodies = (
            s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            for page in pages
            for item in page.get("Contents", [])
        )
        return [
            json.loads(line)["prediction_id"]
            for body in bodies
            for line in gzip.decompress(body).splitlines()
        ]

    def reasons(self, since: float) -> set[str]:
        """Return the reasons for lost predictions that predict_api has logged."""
        events = self.aws.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{self.aws.project.predict_function}", startTime=int(since * 1000)
        )["events"]
        lines = [json.loads(each["message"]) for each in events if each["message"].startswith("{")]
        return {line["reason"] for line in lines if line.get("message") == "predictions not logged"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a model and enforced permissions; its log is delivered at once."""
    with pytest.MonkeyPatch.context() as patch, LocalAws(region=REGION, enforce_iam=True) as server:
        point_at(server, patch)
        aws = connect("bankruptcy-log")
        deploy(aws, confirm=lambda _: True, parameters={"PredictionLogSeconds": "0"})
        register(aws, tmp_path_factory.mktemp("model"), NAMES, seed=1)
        set_approval(aws, find_version(aws, 1), "Approved")
        wait_until_served(aws, 1)
        yield Service(aws, client_of(aws))


Fault = Callable[[Service], AbstractContextManager[None]]


@contextmanager
def settings(service: Service, **changes: str) -> Iterator[None]:
    """Change environment variables of predict_api."""
    functions, name = service.aws.client("lambda"), service.aws.project.predict_function
    present = functions.get_function_configuration(FunctionName=name)["Environment"]
    changed = {"Variables": {**present["Variables"], **changes}}
    functions.update_function_configuration(FunctionName=name, Environment=changed)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=present)


def off(service: Service) -> AbstractContextManager[None]:
    return settings(service, PREDICTION_LOG="off")


def denied(service: Service) -> AbstractContextManager[None]:
    """Let the function write to a stream that its role does not allow."""
    return settings(service, PREDICTION_STREAM="another")


def refused(service: Service) -> AbstractContextManager[None]:
    """Let nothing listen where the function looks for Firehose."""
    return settings(service, AWS_ENDPOINT_URL_FIREHOSE="http://127.0.0.1:9")


@contextmanager
def throttled(service: Service) -> Iterator[None]:
    """Let the stream accept nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local_aws.firehose.streams.BYTES_PER_SECOND", 0)
        yield


@contextmanager
def slow(service: Service) -> Iterator[None]:
    """Let Firehose answer after 400 ms."""
    answer = LocalFirehose.put_record_batch

    def answer_late(adapter: LocalFirehose) -> Any:
        time.sleep(0.4)
        return answer(adapter)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalFirehose, "put_record_batch", answer_late)
        yield


@contextmanager
def deleted(service: Service) -> Iterator[None]:
    """Delete the stream."""
    firehose = service.aws.client("firehose")
    found = firehose.describe_delivery_stream(DeliveryStreamName=service.stream)
    [destination] = found["DeliveryStreamDescription"]["Destinations"]
    described = destination["ExtendedS3DestinationDescription"]
    firehose.delete_delivery_stream(DeliveryStreamName=service.stream)
    try:
        yield
    finally:
        names = ("RoleARN", "BucketARN", "Prefix", "CompressionFormat", "BufferingHints")
        firehose.create_delivery_stream(
            DeliveryStreamName=service.stream,
            ExtendedS3DestinationConfiguration={name: described[name] for name in names},
        )


@pytest.mark.parametrize(
    ("fault", "lost", "reason"),
    [
        (off, 0, ""),
        (denied, 3, "AccessDenied"),
        (throttled, 3, "ServiceUnavailableException"),
        (slow, 3, "TimeoutError"),
        (deleted, 3, "ResourceNotFoundException"),
        (refused, 3, "ConnectionRefusedError"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_failing_log_changes_no_prediction_and_its_losses_are_counted(
    service: Service, fault: Fault, lost: int, reason: str
) -> None:
    # GIVEN the answer with a sound log, and no losses in the alarm's window
    expected = service.predict()
    clock.advance(600)
    eventually(lambda: service.alarm() == "OK")
    before, messages, began = service.count("PredictionsLost"), len(read_outbox()), time.time()
    # WHEN Firehose fails
    with fault(service):
        answer = service.predict()
    # THEN the answer is the same
    assert answer == expected
    # AND each lost prediction is counted, with the reason in the function's log
    assert service.count("PredictionsLost") - before == lost
    if lost:
        eventually(lambda: service.reasons(began))
    # A busy machine can be too slow for Firehose's answer.
    assert service.reasons(began) <= {reason, "TimeoutError"}
    # AND the alarm tells people about losses
    clock.advance(60)
    if lost:
        eventually(lambda: service.alarm() == "ALARM")
        eventually(lambda: any("-predictions-lost" in each["subject"] for each in read_outbox()[messages:]))
    else:
        assert service.alarm() == "OK"


@dataclass
class Sent:
    """The ids of all answered predictions, and the numbers of errors by their code."""

    answered: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def send(api: ApiClient, sent: Sent, done: threading.Event, seed: list[int]) -> None:
    """Send requests until `done`."""
    client = ApiClient(api.url, api.key, urllib3.PoolManager(retries=False, timeout=60))
    generator = np.random.default_rng(seed)
    while not done.is_set():
        companies = generator.random((int(generator.integers(1, MOST_COMPANIES + 1)), len(NAMES)))
        try:
            answer = client.predict({"instances": companies.tolist()})
        except ApiError as error:
            # A killed function answers nothing, and a busy machine can answer too late.
            with sent.lock:
                sent.errors[error.code] += 1
        else:
            with sent.lock:
                sent.answered += [each["prediction_id"] for each in answer["predictions"]]


def test_each_answered_prediction_is_logged_or_counted_while_functions_are_killed(service: Service) -> None:
    lost_before, logged_before = service.count("PredictionsLost"), service.count("PredictionsLogged")
    sent, done, killed = Sent(), threading.Event(), 0
    began = time.monotonic()
    # WHEN functions are killed while clients send requests
    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(send, service.api, sent, done, [SEED, each]) for each in range(CLIENTS)]
        try:
            for answered in range(BETWEEN_KILLS, PREDICTIONS + 1, BETWEEN_KILLS):
                while len(sent.answered) < answered:
                    time.sleep(0.01)
                    for client in running:
                        if client.done():
                            client.result()
                killed += kill(PREDICT_API, 1)
        finally:
            done.set()
        for client in running:
            client.result(timeout=60)
    seconds = time.monotonic() - began
    # THEN each answered prediction is in the log, or is counted as lost
    time.sleep(1.1)  # Firehose looks every half second for what it has to deliver
    lost = service.count("PredictionsLost") - lost_before
    logged = service.count("PredictionsLogged") - logged_before
    missing = set(sent.answered) - set(service.logged())
    sys.stderr.write(
        f"\n{len(sent.answered):,} predictions answered in {seconds:.0f} s, {killed} functions killed, "
        f"errors {dict(sent.errors)}; not in the log: {len(missing)}; counted: {logged:.0f} "
        f"logged, {lost:.0f} lost\n"
    )
    assert killed
    assert len(missing) <= lost
    assert logged + lost >= len(sent.answered)
