"""The scores of portfolios are logged as the API logs predictions, and monitoring can read them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import ROLE
from support.monitoring import CONTRACT, profile

from scripts.aws.session import Aws
from scripts.score import parts
from scripts.score.model import choose_model
from scripts.score.scoring import Order, Summary, score
from steps.monitoring.log import Batch, Left, Window, read_log

JOB = "scoring-score-test"
# The lines of the file are 2, 3, 4 and 5. Line 4 can't be scored.
PORTFOLIO = "id,a,b\nC1,0.75,1\nÄ ,0.25,1e3\nC3,x,1\n,0.05,.5\n"


def run(aws: Aws, folder: Path, mode: str, **changes: Any) -> Summary:
    (folder / "in.csv").write_text(PORTFOLIO, encoding="utf-8")
    order = Order(str(folder / "in.csv"), str(folder / "out.csv"), None, JOB, ROLE, log=mode, **changes)
    return score(aws, order, choose_model(aws, None), lambda *_: None)


def logged(aws: Aws) -> dict[str, list[dict[str, Any]]]:
    """Return the logged lines by key."""
    s3, bucket = aws.client("s3"), aws.project.bucket
    keys = [
        each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="predictions/").get("Contents", [])
    ]
    bodies = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {
        key: [json.loads(line) for line in gzip.decompress(body).splitlines()] for key, body in bodies.items()
    }


def test_each_part_is_logged_with_the_hour_its_ids_and_its_numbers(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a portfolio of two parts
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 14)
    before = datetime.now(UTC)
    summary = run(aws, tmp_path, "full")
    found = logged(aws)
    # THEN each part is an object below the hour
    hours = {f"{moment:%Y/%m/%d/%H}" for moment in (before, datetime.now(UTC))}
    assert {key.removeprefix("predictions/batch/")[:13] for key in found} <= hours
    assert [key.rpartition("/")[2] for key in found] == [f"{JOB}-000000.gz", f"{JOB}-000001.gz"]
    lines = [line for part in found.values() for line in part]
    times = {line.pop("timestamp") for line in lines}
    assert len(times) == 1
    moment = datetime.fromisoformat(times.pop())
    assert before.replace(microsecond=0) <= moment <= datetime.now(UTC)
    # AND each scored company has a line, with its numbers in the contract's order
    shared = {"source": "batch", "version": "1", "contract": CONTRACT}
    assert lines == [
        {
            "prediction_id": f"{JOB}-2",
            "id": "C1",
            **shared,
            "prediction": 1,
            "probability": 0.75,
            "risk_level": "high",
            "features": [1.0, 0.75],
        },
        {
            "prediction_id": f"{JOB}-3",
            "id": "Ä",
            **shared,
            "prediction": 0,
            "probability": 0.25,
            "risk_level": "low",
            "features": [1000.0, 0.25],
        },
        {
            "prediction_id": f"{JOB}-5",
            **shared,
            "prediction": 0,
            "probability": 0.05,
            "risk_level": "low",
            "features": [0.5, 0.05],
        },
    ]
    assert (summary.logged, summary.warnings) == (3, [])


@pytest.mark.parametrize(("mode", "count"), [("full", 3), ("scores", 3), ("off", 0)])
def test_monitoring_reads_what_is_logged(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, mode: str, count: int
) -> None:
    register("Approved")
    assert run(aws, tmp_path, mode).logged == count
    # GIVEN the objects as a job's input, and the profile of a version with two features
    folder = tmp_path / "predictions"
    folder.mkdir()
    for key, lines in logged(aws).items():
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (folder / Path(key).name).write_bytes(gzip.compress(text.encode()))
    profiles = {"1": replace(profile("1"), names=("b", "a"))}
    left = Left()
    batches: list[Batch] = list(read_log(folder, profiles, Window(), left))
    assert left == Left()
    assert [each for batch in batches for each in batch.probability] == [0.75, 0.25, 0.05][:count]
    features = [batch.features.tolist() for batch in batches if batch.features is not None]
    assert features == ([[[1.0, 0.75], [1000.0, 0.25], [0.5, 0.05]]] if mode == "full" else [])


def test_a_log_that_can_not_be_written_is_a_warning(
    aws: Aws, register: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a caller who can write the first part only
    register("Approved")
    monkeypatch.setattr(parts, "PART_BYTES", 14)

    def deny(params: dict[str, Any], **_: Any) -> None:
        if params["Key"].endswith("-000001.gz"):
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not for you"}}, "PutObject")

    aws.client("s3").meta.events.register("provide-client-params.s3.PutObject", deny)
    summary = run(aws, tmp_path, "scores")
    # THEN the result is there, and the warning counts the missing scores
    assert (summary.scored, summary.logged) == (3, 2)
    (warning,) = summary.warnings
    assert warning.startswith("Monitoring does not see 1 score: the log could not be written (s3://")
    assert "not for you" in warning
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 4
