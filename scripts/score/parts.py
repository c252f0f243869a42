"""Uploads a portfolio in parts, and reads the results of each part."""

import csv
import json
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scripts.aws.files import SCHEME, list_objects, remove_below
from scripts.aws.session import Aws
from scripts.score.model import ScoringError
from scripts.score.portfolio import Company
from scripts.text import counted

# An instance takes whole objects: many small ones keep several instances busy, and use little memory here.
PART_BYTES = 32 * 1024 * 1024
UPLOADS = 2

# The cells of a result: the line number, the prediction, the probability of bankruptcy and the risk level.
RESULT_CELLS = 4

# A company's line number and its kept values.
Kept = list[Any]


class Parts:
    """The parts of a portfolio, under runs/ in the bucket, where objects expire.

    Parameters
    ----------
    job
        Name of the transform job.
    kept_file
        Path of a temporary file for the kept values, which stay on this machine.
    """

    def __init__(self, aws: Aws, job: str, kept_file: Path) -> None:
        self._aws = aws
        self._folder = f"runs/score/{job}"
        self._kept_file = kept_file
        self._counts: list[int] = []

    @property
    def uri(self) -> str:
        """The folder of the parts; their inputs are below in/, their results below out/."""
        return f"{SCHEME}{self._aws.project.bucket}/{self._folder}"

    @property
    def companies(self) -> int:
        """Number of uploaded companies."""
        return sum(self._counts)

    def upload(self, companies: Iterable[Company]) -> Generator[int]:
        """Upload companies with their line numbers; yield their number after each part."""
        with self._kept_file.open("w", encoding="utf-8") as kept, ThreadPoolExecutor(UPLOADS) as pool:
            pending: deque[Future[None]] = deque()
            for lines, kept_of_part in _split(companies):
                if len(pending) >= UPLOADS:
                    pending.popleft().result()
                body = "".join(lines).encode()
                pending.append(pool.submit(self._put, f"{self._key('in', len(self._counts))}.csv", body))
                kept.write(json.dumps(kept_of_part) + "\n")
                self._counts.append(len(lines))
                yield self.companies
            for upload in pending:
                upload.result()

    def scored(self) -> int:
        """Return how many companies' results are in the bucket."""
        finished = list(list_objects(self._aws, f"{self._folder}/out/"))
        return sum(self._counts[: len(finished)])

    def results(self) -> Iterator[list[tuple[Kept, list[str]]]]:
        """Yield the companies of each part, in order, with all cells of their results.

        Raises
        ------
        ScoringError
            If the results of a part do not match its companies.
        """
        with self._kept_file.open(encoding="utf-8") as kept:
            for number, count in enumerate(self._counts):
                key = f"{self._key('out', number)}.csv.out"
                body = self._aws.client("s3").get_object(Bucket=self._aws.project.bucket, Key=key)["Body"]
                answers = list(csv.reader(_lines(body)))
                companies: list[Kept] = json.loads(next(kept))
                # As numbers: batch transform does not promise to keep their notation.
                if [_line_number(cells) for cells in answers] != [line for line, *_ in companies]:
                    raise ScoringError(f"The results in {key} do not match its {counted(count, 'company')}.")
                yield list(zip(companies, answers, strict=True))

    def numbers(self) -> Iterator[Iterator[list[float]]]:
        """Yield the features of each part's companies, in order."""
        for number in range(len(self._counts)):
            key = f"{self._key('in', number)}.csv"
            body = self._aws.client("s3").get_object(Bucket=self._aws.project.bucket, Key=key)["Body"]
            yield (list(map(float, line.split(",")[1:])) for line in _lines(body))

    def remove(self) -> None:
        """Remove the inputs and the results."""
        remove_below(self._aws, f"{self._folder}/")

    def _key(self, folder: str, number: int) -> str:
        return f"{self._folder}/{folder}/part-{number:06}"

    def _put(self, key: str, body: bytes) -> None:
        self._aws.client("s3").put_object(Bucket=self._aws.project.bucket, Key=key, Body=body)


def _split(companies: Iterable[Company]) -> Iterator[tuple[list[str], list[Kept]]]:
    """Yield the lines of each part, and the line numbers and copied values of its companies."""
    lines: list[str] = []
    kept: list[Kept] = []
    size = 0
    for line, numbers, values in companies:
        lines.append(f"{line},{numbers}\n")
        kept.append([line, *values])
        size += len(lines[-1])
        if size >= PART_BYTES:
            yield lines, kept
            lines, kept, size = [], [], 0
    if lines:
        yield lines, kept


def _line_number(cells: list[str]) -> float | None:
    """Return the line number that a result starts with; None if the result is incomplete."""
    try:
        return float(cells[0]) if len(cells) == RESULT_CELLS else None
    except ValueError:
        return None


def _lines(body: Any) -> Iterator[str]:
    for line in body.iter_lines(chunk_size=1 << 20):
        yield line.decode()
