"""Stores the result of a run of monitoring, as its execution does."""

from __future__ import annotations

from pathlib import Path

from support.monitoring import companies, lines, write_log, write_profiles

from scripts.aws.session import Aws
from steps import judge_predictions, summarize_predictions

FOLDERS = ("predictions", "history", "outcomes", "summaries", "accepted", "previous")


def store_result(aws: Aws, base: Path, run: str, factor: float) -> None:
    """Store the result of a run of 600 predictions of version 3, in which debts are multiplied by a factor.

    Parameters
    ----------
    base
        A folder for the files of the run's jobs.
    """
    for name in FOLDERS:
        (base / name).mkdir(parents=True)
    write_profiles(base / "profiles", "3")
    features = companies(600, seed=5)
    features[:, 1] *= factor
    write_log(base / "predictions" / "a.gz", [*lines(features), "damaged"])
    given = {name: f"--{name}={base / name}" for name in (*FOLDERS, "profiles")}
    summarized = ("predictions", "history", "profiles", "outcomes", "summaries")
    summarize_predictions.main([*map(given.__getitem__, summarized), "--host=algo-1"])
    judged = ("summaries", "profiles", "outcomes", "accepted", "previous")
    now = "--now=2026-11-01T05:00:00+00:00"
    judge_predictions.main([*map(given.__getitem__, judged), f"--monitoring={base / 'monitoring'}", now])
    for path in (base / "monitoring").iterdir():
        key = f"monitoring/runs/{run}/{path.name}"
        aws.client("s3").put_object(Bucket=aws.project.bucket, Key=key, Body=path.read_bytes())
