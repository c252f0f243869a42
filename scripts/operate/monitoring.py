"""Starts monitoring, reads its results, and accepts a window of predictions as normal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from botocore.config import Config
from botocore.exceptions import ClientError

from scripts.aws.failures import is_gone
from scripts.aws.files import SCHEME, list_objects, open_stream, read_if_present
from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.operate.reports import save_page

_RUNS = "monitoring/runs/"
_ACCEPTED = "monitoring/accepted/"
# A name without slashes, because it becomes part of a file's name.
_RESULT = re.compile(rf"{_RUNS}([^/]+)/monitoring\.json")
_LISTED = 5
# The function can run for 300 s, and a second call would start a second execution.
_LAMBDA_CONFIG = Config(read_timeout=310, retries={"total_max_attempts": 1})
# S3 stores 2 kB of metadata.
_LONGEST_NOTE = 1000


class MonitoringError(ScriptError):
    """Monitoring could not be started, has no such result, or a window can't be accepted."""

    code = "monitoring_failed"


@dataclass(frozen=True)
class Started:
    """A run that was started, or the reason why there is none.

    Attributes
    ----------
    arn
        The ARN of the execution; None if there are no predictions, so that nothing was started.
    run
        The name of the run; None if nothing was started.
    silent
        Whether there are no predictions although there should be some.
    """

    arn: str | None
    run: str | None
    silent: bool


@dataclass(frozen=True)
class Acceptance:
    """A window of predictions that a person accepted as normal for a version.

    Attributes
    ----------
    run
        The run that summarized the window.
    by
        The ARN of the person.
    """

    version: str
    run: str
    note: str
    by: str
    time: datetime


# watch_model leaves the objects of the last minute to the next run, since more of them can still arrive.
NOTHING_NEW = (
    "There are no new predictions that are at least a minute old, so nothing was started. If some were just "
    "sent, try again in a minute."
)


def start_monitoring(
    aws: Aws, window: tuple[datetime, datetime] | None, settled_seconds: int | None = None
) -> Started:
    """Start monitoring on the predictions since the last scheduled run, or on those of a window.

    Parameters
    ----------
    settled_seconds
        The minimum age of the objects that a run without a window reads. By default, watch_model
        decides.

    Raises
    ------
    MonitoringError
        If the service is not deployed, or the function fails.
    """
    name = aws.project.monitor_function
    event: dict[str, Any] = {}
    if window is not None:
        event = {"start": window[0].isoformat(), "end": window[1].isoformat()}
    elif settled_seconds is not None:
        event = {"settled": settled_seconds}
    try:
        answer = aws.client("lambda", config=_LAMBDA_CONFIG).invoke(
            FunctionName=name, Payload=json.dumps(event).encode()
        )
    except ClientError as error:
        if is_gone(error):
            raise MonitoringError(
                f"The function {name} does not exist.", "Run `bankruptcy deploy` first."
            ) from error
        raise
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        reason = str(body.get("errorMessage", answer["FunctionError"])).rstrip(".")
        raise MonitoringError(
            f"{name} failed: {reason}.",
            f"Its log, /aws/lambda/{name}, shows more. Then run the command again.",
        )
    run = body.get("run")
    return Started(body.get("execution"), run and run.rpartition("/")[2], body.get("silent", False))


def run_at_once(aws: Aws) -> tuple[str, dict[str, Any]] | None:
    """Monitor all new predictions that are in the log now, and wait for the result.

    A scheduled run leaves the objects of the last minute to the next run.

    Returns
    -------
    tuple of str and dict, or None
        The name of the run and its monitoring.json; None without new predictions.

    Raises
    ------
    MonitoringError
        If the function or the execution fails.
    """
    from pipeline.service import describe, watch

    started = start_monitoring(aws, None, settled_seconds=0)
    if started.arn is None or started.run is None:
        return None
    sagemaker = aws.client("sagemaker")
    for _ in watch(sagemaker, started.arn, interval=aws.poll_seconds):
        pass
    if (status := describe(sagemaker, started.arn).status) != "Succeeded":
        raise MonitoringError(
            f"Run {started.run} ended as {status}.", "`bankruptcy pipeline status` shows the failed step."
        )
    return started.run, read_result(aws, started.run)


def find_run(aws: Aws, name: str | None) -> str:
    """Return the name of a run that has a result, by default of the one that finished last.

    Raises
    ------
    MonitoringError
        If there is no such run, or it has no result.
    """
    objects = list(list_objects(aws, _RUNS))
    known = [run for run, _ in _finished(objects)]
    if not known:
        raise MonitoringError(
            "Monitoring has no result yet.", "`bankruptcy monitor run --wait` starts it and shows its result."
        )
    if name is None:
        return known[0]
    if name not in known:
        started = any(item["Key"].startswith(f"{_RUNS}{name}/") for item in objects)
        problem = (
            f"Run {name} has no result: it is running, or it failed" if started else f"There is no run {name}"
        )
        raise MonitoringError(f"{problem}; the newest runs with a result: {', '.join(known[:_LISTED])}.")
    return name


def finished_runs(aws: Aws) -> list[tuple[str, datetime]]:
    """Return the runs that have a result with the times of their ends, newest first."""
    return _finished(list_objects(aws, _RUNS))


def _finished(objects: Iterable[Mapping[str, Any]]) -> list[tuple[str, datetime]]:
    ends = [(item["LastModified"], found[1]) for item in objects if (found := _RESULT.fullmatch(item["Key"]))]
    return [(run, end) for end, run in sorted(ends, reverse=True)]


def read_result(aws: Aws, run: str) -> dict[str, Any]:
    """Return the monitoring.json of a run.

    Raises
    ------
    MonitoringError
        If it has none.
    """
    content = read_if_present(aws, _uri(aws, f"{_RUNS}{run}/monitoring.json"))
    if content is None:
        raise MonitoringError(f"Run {run} has no result.")
    document: dict[str, Any] = json.loads(content)
    return document


def save_monitoring_page(aws: Aws, run: str, path: Path | None) -> Path:
    """Write the page of a run to a file, by default in the cache folder; return its path.

    Raises
    ------
    FileError
        If the page can't be read, or the file can't be written.
    """
    return save_page(read_monitoring_page(aws, run), f"monitoring-{run}", path)


def read_monitoring_page(aws: Aws, run: str) -> bytes:
    """Return the page of a run, in HTML.

    Raises
    ------
    FileError
        If it can't be read.
    """
    with open_stream(aws, _uri(aws, f"{_RUNS}{run}/monitoring.html")) as stream:
        return stream.read()


def check_acceptable(result: dict[str, Any], run: str, version: str) -> None:
    """Raise a MonitoringError if a run has no predictions of a version."""
    if version not in result["versions"]:
        found = ", ".join(result["versions"]) or "none"
        raise MonitoringError(f"Run {run} has no predictions of version {version}; its versions: {found}.")


def accept(aws: Aws, run: str, version: str, note: str) -> None:
    """Accept the predictions of a run as normal for a version, instead of an earlier accepted window.

    Later runs compare the version's predictions with them, and no longer with training.

    Raises
    ------
    MonitoringError
        If the note is too long.
    FileError
        If the run's predictions can't be read.
    """
    # Metadata is ASCII.
    encoded = quote(note, safe=" ,;:()/'!?")
    if len(encoded) > _LONGEST_NOTE:
        raise MonitoringError(
            f"The note has {len(encoded):,} bytes in its stored form; at most {_LONGEST_NOTE:,} are allowed.",
            "Shorten it.",
        )
    with open_stream(aws, _uri(aws, f"{_RUNS}{run}/{version}.npz")) as stream:
        content = stream.read()
    aws.client("s3").put_object(
        Bucket=aws.project.bucket,
        Key=f"{_ACCEPTED}{version}.npz",
        Body=content,
        Metadata={"run": run, "note": encoded, "by": aws.client("sts").get_caller_identity()["Arn"]},
    )


def withdraw(aws: Aws, run: str, version: str) -> None:
    """Undo the acceptance of a run for a version: later runs compare with training again.

    Raises
    ------
    MonitoringError
        If this run is not accepted for the version.
    """
    accepted = {each.version: each for each in acceptances(aws)}
    if version not in accepted:
        raise MonitoringError(f"No window is accepted for version {version}.")
    if accepted[version].run != run:
        raise MonitoringError(f"For version {version}, run {accepted[version].run} is accepted, not {run}.")
    aws.client("s3").delete_object(Bucket=aws.project.bucket, Key=f"{_ACCEPTED}{version}.npz")


def acceptances(aws: Aws) -> Sequence[Acceptance]:
    """Return the windows that are accepted now."""
    return list(_acceptances(aws))


def _acceptances(aws: Aws) -> Iterator[Acceptance]:
    for item in list_objects(aws, _ACCEPTED):
        name, _, form = item["Key"].removeprefix(_ACCEPTED).rpartition(".")
        if form == "npz":
            head = aws.client("s3").head_object(Bucket=aws.project.bucket, Key=item["Key"])
            facts = head["Metadata"]
            yield Acceptance(
                name,
                facts.get("run", ""),
                unquote(facts.get("note", "")),
                facts.get("by", ""),
                head["LastModified"],
            )


def _uri(aws: Aws, key: str) -> str:
    return f"{SCHEME}{aws.project.bucket}/{key}"
