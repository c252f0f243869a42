"""The service of the monitoring drills: trains on sample data, predicts companies, and monitors them."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.aws.files import list_objects
from scripts.aws.outbox import read_outbox
from scripts.aws.session import Aws
from scripts.data.data_file import DataFile
from scripts.data.sample import csv_bytes, generate
from scripts.data.upload import upload
from scripts.deploy.deployment import deploy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.model.contracts import champion_version
from scripts.operate.drills.errors import DrillError
from scripts.operate.executions import start_execution
from scripts.operate.monitoring import run_at_once
from scripts.predict.client import ApiClient, client_of
from steps.dataset.columns import TARGET
from steps.dataset.known_files import SAMPLE_FILE_NAME

if TYPE_CHECKING:
    from pandas import DataFrame

PROJECT = "bankruptcy-drill"
NOTE = "A drill on sample data."
# Few companies and fast settings, so that training takes seconds: the drills are about monitoring.
_TRAINING = 2000
_FAST = {
    "Estimator": "logistic",
    "FeatureCount": "20",
    "RegisterCandidate": "recommended",
    "Resampler": "none",
}
_AT_ONCE = 100  # companies in a request
_ROUNDS = 10
_DELIVERY_SECONDS = 3.0
_TIMEOUT_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_MINUTE = 60.0

OnEvent = Callable[[str], None]
Line = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run of monitoring: its name, its number of predictions, and the reasons of its drift."""

    run: str
    predictions: int
    drift: tuple[str, ...]


@dataclass(frozen=True)
class Watched:
    """A service with monitoring.

    Attributes
    ----------
    on_event
        Called with a sentence about each event.
    advance
        Moves the clock of local AWS forward by some seconds, so that alarms need not be waited for.
    """

    aws: Aws
    on_event: OnEvent
    advance: Callable[[float], None]

    def deploy(self) -> None:
        """Deploy the service with a log that reaches the bucket at once."""
        deploy(self.aws, confirm=lambda _: True, parameters={"PredictionLogSeconds": "0"})
        self.on_event("The service is deployed on a local AWS of its own.")

    def train(self) -> None:
        """Train a version on sample data, approve it, and wait until it is in service.

        Raises
        ------
        DrillError
            If the execution fails.
        """
        from pipeline.service import describe, watch

        uri = upload(self.aws, DataFile(Path(SAMPLE_FILE_NAME), SAMPLE_FILE_NAME, csv_bytes(_TRAINING)))
        chosen = {"InputDataUri": uri, **_FAST}
        arn, _ = start_execution(self.aws, chosen)
        self.on_event("Training version 1 on sample data (invented companies).")
        sagemaker = self.aws.client("sagemaker")
        for _ in watch(sagemaker, arn, interval=self.aws.poll_seconds):
            pass
        execution = describe(sagemaker, arn)
        if execution.status != "Succeeded":
            raise DrillError(f"The execution that trains the version ended as {execution.status}.")
        self.serve(1)

    def serve(self, version: int) -> None:
        """Approve a version, and wait until it is in service."""
        set_approval(self.aws, find_version(self.aws, version), "Approved", NOTE)
        wait_until_served(self.aws, version, Waiting(timeout=_TIMEOUT_SECONDS))
        self.on_event(f"Version {version} is in service.")

    def version(self) -> str:
        """Return the version in service."""
        found = champion_version(self.aws)
        if found is None:
            raise DrillError("No version is in service.")
        return found

    def predict(self, companies: DataFrame, prefix: str) -> list[str]:
        """Predict companies through the API until each is in the log; return their ids.

        The log never fails a prediction, so a busy machine can lose some: these are sent again.

        Parameters
        ----------
        companies
            Companies with the columns of the real file.
        prefix
            The ids are the prefix with the number of the company.

        Raises
        ------
        DrillError
            If some do not reach the log.
        """
        client: ApiClient = client_of(self.aws)
        names = [feature["name"] for feature in client.get("/model")["features"]]
        rows = companies[names].to_numpy(dtype=float).tolist()
        waiting = {f"{prefix}{number}": row for number, row in enumerate(rows)}
        ids = list(waiting)
        for _ in range(_ROUNDS):
            instances = [{"id": id_, "data": row} for id_, row in waiting.items()]
            for start in range(0, len(instances), _AT_ONCE):
                client.predict({"instances": instances[start : start + _AT_ONCE]})
            end = time.monotonic() + _DELIVERY_SECONDS
            while waiting and time.monotonic() < end:
                time.sleep(_LOOK_SECONDS)
                for line in chain.from_iterable(self.logged().values()):
                    waiting.pop(line["id"], None)
            if not waiting:
                return ids
        raise DrillError(
            f"{len(waiting):,} of {len(ids):,} predictions did not reach the log.",
            "The machine may be too busy; run the drill again.",
        )

    def logged(self) -> dict[str, list[Line]]:
        """Return the lines of the log by the key of their object."""
        s3, bucket = self.aws.client("s3"), self.aws.project.bucket
        keys = [item["Key"] for item in list_objects(self.aws, "predictions/")]
        bodies = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
        return {
            key: [json.loads(line) for line in gzip.decompress(body).splitlines()]
            for key, body in bodies.items()
        }

    def monitor(self) -> tuple[Run, Mapping[str, Any]]:
        """Run monitoring on the predictions since the last run; return the run and its monitoring.json.

        Raises
        ------
        DrillError
            If there are no predictions.
        """
        found = run_at_once(self.aws)
        if found is None:
            raise DrillError("Monitoring found no predictions.")
        name, result = found
        run = Run(name, result["predictions"], tuple(result["alarms"]["drift"]))
        self.on_event(f"Run {run.run}: {run.predictions:,} predictions, {_reasons(run.drift)}.")
        return run, result

    def wait_for_alarm(self, alarm: str, state: str) -> None:
        """Move the clock until an alarm has a state.

        Raises
        ------
        DrillError
            If it does not get there.
        """
        name = f"{self.aws.project.name}-{alarm}"
        end = time.monotonic() + _TIMEOUT_SECONDS
        while self._state(name) != state:
            if time.monotonic() > end:
                raise DrillError(f"The alarm {name} did not become {state}.")
            # An alarm is evaluated at the end of each minute.
            self.advance(_MINUTE)
            time.sleep(_LOOK_SECONDS)
        self.on_event(f"alarm: {name} is {'on' if state == 'ALARM' else 'off'}")

    def wait_for_message(self, alarm: str, earlier: int) -> str:
        """Return the subject of the message that an alarm has sent to people.

        Parameters
        ----------
        earlier
            Number of older messages.

        Raises
        ------
        DrillError
            If there is none.
        """
        name = f"{self.aws.project.name}-{alarm}"
        end = time.monotonic() + _TIMEOUT_SECONDS
        while time.monotonic() < end:
            for message in read_outbox()[earlier:]:
                subject = str(message["subject"])
                if subject.startswith("ALARM") and name in subject:
                    self.on_event(f"message: {subject}")
                    return subject
            time.sleep(_LOOK_SECONDS)
        raise DrillError(f"The alarm {name} sent no message.")

    def _state(self, name: str) -> str:
        [found] = self.aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found["StateValue"])


def sample_companies(count: int, seed: int) -> tuple[DataFrame, list[bool]]:
    """Return companies like those of training, and whether each goes bankrupt."""
    companies = generate(count, seed).rename(columns=str.strip)
    return companies, [bool(each) for each in companies[TARGET]]


def _reasons(drift: Sequence[str]) -> str:
    return f"drift of {', '.join(drift)}" if drift else "no drift"
