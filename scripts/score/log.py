"""Logs the scores of a portfolio for monitoring, in the form of the API's log of predictions."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path

from scripts.aws.files import SCHEME, deliver
from scripts.aws.session import Aws
from scripts.aws.stacks import Stack
from scripts.score.model import Model
from scripts.score.parts import Parts

OFF, FULL = "off", "full"
_FOLDER = "predictions/batch/"


def log_mode(aws: Aws) -> str:
    """Return how much of a prediction the deployed service logs: full, scores (without numbers) or off."""
    return Stack(aws, aws.project.service_stack).parameters().get("PredictionLog", OFF)


def write_log(
    aws: Aws, parts: Parts, model: Model, job: str, scratch: Path, *, mode: str, now: datetime
) -> Iterator[int]:
    """Write the scores of a job, one object for each part; yield the number of companies after each.

    A line has the fields of the API's log (lambda/predict_api/log/predictions.py). Its `source` is "batch",
    its `prediction_id` is the job's name with the company's line number, and its `id` the first value that is
    kept next to the result.

    Parameters
    ----------
    scratch
        Folder for a part's file, since a part need not fit into memory as JSON.
    mode
        With `FULL`, the companies' numbers are logged, too.
    now
        The time of the predictions.

    Raises
    ------
    FileError
        If a part can't be written.
    """
    moment = now.astimezone(UTC)
    shared = {
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "source": "batch",
        "version": str(model.version),
        "contract": model.contract,
    }
    folder = f"{SCHEME}{aws.project.bucket}/{_FOLDER}{moment:%Y/%m/%d/%H}"
    path = scratch / "log.gz"
    inputs = parts.numbers() if mode == FULL else repeat(repeat(None))
    count = 0
    for part, (scores, companies) in enumerate(zip(parts.results(), inputs, strict=False)):
        # Slower compression gains little, because digits hardly repeat.
        with gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="\n") as file:
            for ((line, *kept), cells), numbers in zip(scores, companies, strict=False):
                record = {
                    "prediction_id": f"{job}-{line}",
                    **_id(kept),
                    **shared,
                    "prediction": int(float(cells[1])),
                    "probability": float(cells[2]),
                    "risk_level": cells[3],
                    **({} if numbers is None else {"features": numbers}),
                }
                file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        deliver(aws, path, f"{folder}/{job}-{part:06}.gz")
        count += len(scores)
        yield count


def _id(kept: list[object]) -> dict[str, str]:
    """Return the id of a company, which joins its outcome later; empty if it has none."""
    first = kept[0] if kept else None
    text = str(first).strip() if type(first) in (str, int) else ""
    return {"id": text} if text else {}
