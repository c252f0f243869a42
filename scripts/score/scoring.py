"""Scores a portfolio by batch transform: prepares it, runs the job, puts results and kept values together."""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from scripts.aws import files
from scripts.aws.failures import unless_changed
from scripts.aws.session import command
from scripts.aws.transform_jobs import ENDED, last_log_lines, pause, stop
from scripts.model.contracts import champion_version
from scripts.score.portfolio import (
    RESULT,
    BadLine,
    Company,
    Form,
    PortfolioError,
    form_of,
    open_text,
    read,
    result_writer,
    text_file,
)
from scripts.text import counted

if TYPE_CHECKING:
    from scripts.aws.session import Aws

# Below runs/, which the bucket empties by itself. An instance takes whole objects: many small ones keep
# several instances busy, and memory flat here.
PART_BYTES = 32 * 1024 * 1024
UPLOADS = 2


class ScoringError(Exception):
    """A portfolio that could not be scored; the message says why and what to do."""


@dataclass(frozen=True)
class Fleet:
    """What a job runs on."""

    instance_type: str = "ml.m5.large"
    instances: int = 1


@dataclass(frozen=True)
class Model:
    """A registered version, what it takes, and what its jobs may run on: anything if that is empty."""

    arn: str
    version: int
    features: tuple[str, ...]
    instance_types: tuple[str, ...] = ()


@dataclass
class Summary:
    """What became of a portfolio."""

    version: int
    scored: int = 0
    bad: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    errors: str | None = None
    warning: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)


# Called with a stage (prepare, transform, collect), how many companies it has done, and of how many.
OnProgress = Callable[[str, int, int | None], None]


def choose_model(aws: Aws, version: int | None) -> Model:
    """Return an approved version of the model, for of others SageMaker makes no model.

    Without a number it is the one that the endpoint serves, else the newest.

    Raises
    ------
    ScoringError
        When there is none.
    """
    sagemaker, s3 = aws.client("sagemaker"), aws.client("s3")
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=aws.project.model_package_group
    )
    known = {
        package["ModelPackageVersion"]: package
        for page in pages
        for package in page["ModelPackageSummaryList"]
    }
    approved = [number for number, each in known.items() if each.get("ModelApprovalStatus") == "Approved"]
    wanted = version
    if wanted is None:
        served = champion_version(s3, aws.project.bucket)
        wanted = int(served) if served and int(served) in approved else max(approved, default=None)
    if wanted is None:
        raise ScoringError(
            f"No version of the model is approved yet. Approve one with `{command('model approve')}`."
        )
    if wanted not in known:
        raise ScoringError(f"There is no version {wanted}; known: {', '.join(map(str, sorted(known)))}.")
    if wanted not in approved:
        raise ScoringError(
            f"Version {wanted} is not approved, and SageMaker makes models of approved ones. Approve it "
            f"with `{command(f'model approve {wanted}')}`, or name another: "
            f"{', '.join(map(str, sorted(approved))) or 'none is approved'}."
        )
    arn = known[wanted]["ModelPackageArn"]
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    bucket, key = files.split_uri(described["CustomerMetadataProperties"]["ContractUri"])
    contract = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    allowed = described.get("InferenceSpecification", {}).get("SupportedTransformInstanceTypes", [])
    return Model(arn, wanted, tuple(feature["name"] for feature in contract["features"]), tuple(allowed))


@dataclass(frozen=True)
class Order:
    """What is to be scored, and how.

    Attributes
    ----------
    source, target
        Paths or S3 URIs; their names end in .csv or .jsonl, the source's also in .gz.
    keep
        See `scripts.score.portfolio.read`.
    name
        Of the job, its model and its folder below runs/score/; new for every run.
    role_arn
        What the job runs as.
    """

    source: str
    target: str
    keep: Sequence[str] | None
    name: str
    role_arn: str
    fleet: Fleet = Fleet()


def score(aws: Aws, order: Order, model: Model, on_progress: OnProgress) -> Summary:
    """Score a portfolio.

    Bad lines are found while it is prepared, for batch transform gives up a whole object when the container
    refuses one line. Beside `target` then stands a file of their numbers, `<name>.errors.csv`.

    Raises
    ------
    ScoringError, PortfolioError, PlaceError
        When nothing could be scored; nothing is written then, and nothing stays in the account. Also when
        all is scored and can't be delivered; then it is kept on this machine, and the error says where.
    """
    source_form, target_form = form_of(order.source), form_of(order.target)
    if order.target.lower().endswith(".gz"):
        raise PortfolioError(f"The result can't be written to {order.target}; name another file, not packed.")
    for written in (order.target, errors_name(order.target)):
        if files.is_same(order.source, written):
            raise PortfolioError(f"{written} would be written over the portfolio; name another result.")
    if model.instance_types and order.fleet.instance_type not in model.instance_types:
        raise ScoringError(
            f"Version {model.version} can't be run on {order.fleet.instance_type!r}. Its jobs run on: "
            f"{', '.join(model.instance_types)}."
        )
    files.check_target(aws.client("s3"), order.target)
    summary = Summary(model.version)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="score-")))
        # Companies' numbers stay in the bucket no longer than they are needed.
        stack.callback(_clean_up, aws, order, summary)
        with _timed(summary, "prepare"):
            prepared = _prepare(aws, order, source_form, model, scratch, on_progress)
        summary.bad = prepared.bad
        if not prepared.parts:
            raise ScoringError(
                f"No company can be scored: {counted(prepared.bad, 'bad line')}, the first: "
                f"{prepared.first_problem}"
                if prepared.bad
                else f"{order.source} holds no company."
            )
        with _timed(summary, "transform"):
            _transform(aws, order, model, prepared, on_progress)
        with _timed(summary, "collect"):
            _collect(aws, order, target_form, prepared, scratch, summary, on_progress)
    return summary


def _clean_up(aws: Aws, order: Order, summary: Summary) -> None:
    """Remove the job's folder; that this fails hides neither a result nor what went wrong before."""
    from botocore.exceptions import BotoCoreError, ClientError

    folder = f"runs/score/{order.name}/"
    try:
        files.remove_below(aws.client("s3"), aws.project.bucket, folder)
    except (files.PlaceError, BotoCoreError, ClientError) as error:
        summary.warning = f"s3://{aws.project.bucket}/{folder} could not be removed ({error}); remove it."


@contextmanager
def _timed(summary: Summary, stage: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    summary.seconds[stage] = time.monotonic() - started


@dataclass
class _Prepared:
    """A portfolio as the job takes it: how many companies each part has, and what is kept of them here."""

    kept: tuple[str, ...]
    kept_values: Path
    errors: Path
    parts: list[int] = field(default_factory=list)
    bad: int = 0
    first_problem: str = ""


def _prepare(
    aws: Aws, order: Order, form: Form, model: Model, scratch: Path, on_progress: OnProgress
) -> _Prepared:
    """Write the good lines in parts to S3, each with its number first; keep what the model doesn't take."""
    with ExitStack() as stack:
        raw = stack.enter_context(files.opened(aws.client("s3"), order.source))
        text = stack.enter_context(open_text(raw, files.name_of(order.source)))
        portfolio = read(text, form, model.features, order.keep)
        prepared = _Prepared(portfolio.kept, scratch / "kept.jsonl", scratch / "errors.csv")
        kept = stack.enter_context(prepared.kept_values.open("w", encoding="utf-8"))
        parts = stack.enter_context(_Parts(aws, order, prepared.parts, kept))
        errors = csv.writer(stack.enter_context(text_file(prepared.errors)), lineterminator="\n")
        errors.writerow(BadLine._fields)
        for row in portfolio.rows:
            if isinstance(row, BadLine):
                errors.writerow(row)
                if not prepared.bad:
                    prepared.first_problem = " ".join(
                        part for part in (f"line {row.line}", row.column, row.problem) if part
                    )
                prepared.bad += 1
                continue
            if parts.add(row):
                on_progress("prepare", sum(prepared.parts), None)
        parts.finish()
    on_progress("prepare", sum(prepared.parts), sum(prepared.parts))
    return prepared


class _Parts:
    """Collects lines and sends them away, a few parts at a time."""

    def __init__(self, aws: Aws, order: Order, counts: list[int], kept: TextIO) -> None:
        self._s3 = aws.client("s3")
        self._bucket = aws.project.bucket
        self._order = order
        self._counts = counts
        self._kept = kept
        self._lines: list[str] = []
        self._remembered: list[tuple[int, tuple[Any, ...]]] = []
        self._size = 0
        self._under_way: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(UPLOADS)

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, row: Company) -> bool:
        """Take a company; tell whether it completed a part."""
        line = f"{row.line},{row.numbers}\n"
        self._lines.append(line)
        self._remembered.append((row.line, row.kept))
        self._size += len(line)
        if self._size < PART_BYTES:
            return False
        self._send()
        return True

    def finish(self) -> None:
        """Send the rest and wait until all has arrived."""
        if self._lines:
            self._send()
        for future in self._under_way:
            future.result()

    def _send(self) -> None:
        if len(self._under_way) >= UPLOADS:
            self._under_way.pop(0).result()
        key = _part_key(self._order, len(self._counts))
        body = "".join(self._lines).encode()
        self._counts.append(len(self._lines))
        self._kept.write(json.dumps(self._remembered) + "\n")
        self._lines, self._remembered, self._size = [], [], 0
        self._under_way.append(self._pool.submit(self._put, key, body))

    def _put(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)


def _part_key(order: Order, number: int) -> str:
    return f"runs/score/{order.name}/in/part-{number:06}.csv"


def _transform(aws: Aws, order: Order, model: Model, prepared: _Prepared, on_progress: OnProgress) -> None:
    """Run the job to its end; the model that it needs goes with it."""
    sagemaker = aws.client("sagemaker")
    base = f"s3://{aws.project.bucket}/runs/score/{order.name}"
    width = len(model.features)
    container = {"ModelPackageName": model.arn, "Environment": {"MODEL_PACKAGE_VERSION": str(model.version)}}
    sagemaker.create_model(
        ModelName=order.name,
        ExecutionRoleArn=order.role_arn,
        Containers=[container],
        EnableNetworkIsolation=True,
    )
    with ExitStack() as stack:
        stack.callback(unless_changed, sagemaker.delete_model, ModelName=order.name)
        try:
            sagemaker.create_transform_job(
                TransformJobName=order.name,
                ModelName=order.name,
                TransformInput={
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{base}/in/"}},
                    "ContentType": "text/csv",
                    "SplitType": "Line",
                },
                TransformOutput={"S3OutputPath": f"{base}/out", "Accept": "text/csv", "AssembleWith": "Line"},
                # The line's number goes past the model and comes back before what the model says of the
                # line: prediction, probability of no bankruptcy, of bankruptcy, risk level, confidence.
                DataProcessing={
                    "InputFilter": "$[1:]",
                    "JoinSource": "Input",
                    "OutputFilter": f"$[0,{width + 1},{width + 3},{width + 4}]",
                },
                TransformResources={
                    "InstanceType": order.fleet.instance_type,
                    "InstanceCount": order.fleet.instances,
                },
            )
            _wait(aws, order, prepared, on_progress)
        except BaseException:
            stop(sagemaker, order.name, lambda: pause(aws))
            raise


def _wait(aws: Aws, order: Order, prepared: _Prepared, on_progress: OnProgress) -> None:
    sagemaker, s3 = aws.client("sagemaker"), aws.client("s3")
    total = sum(prepared.parts)
    while True:
        described = sagemaker.describe_transform_job(TransformJobName=order.name)
        done = files.keys_below(s3, aws.project.bucket, f"runs/score/{order.name}/out/")
        on_progress("transform", sum(count for count, _ in zip(prepared.parts, done, strict=False)), total)
        status = described["TransformJobStatus"]
        if status == "Completed":
            return
        if status in ENDED:
            said = last_log_lines(aws, order.name)
            raise ScoringError(
                f"The transform job {order.name} ended as {status}: "
                f"{described.get('FailureReason', 'it was stopped')}.{said}"
            )
        pause(aws)


def _collect(
    aws: Aws,
    order: Order,
    form: Form,
    prepared: _Prepared,
    scratch: Path,
    summary: Summary,
    on_progress: OnProgress,
) -> None:
    """Write the results in order, each beside what was kept of its line, and say so if one is missing."""
    s3 = aws.client("s3")
    result = scratch / "result"
    total = sum(prepared.parts)
    with ExitStack() as stack:
        target = stack.enter_context(text_file(result))
        write = result_writer(form, target, prepared.kept)
        kept = stack.enter_context(prepared.kept_values.open(encoding="utf-8"))
        for number, count in enumerate(prepared.parts):
            key = f"{_part_key(order, number).replace('/in/', '/out/')}.out"
            body = s3.get_object(Bucket=aws.project.bucket, Key=key)["Body"]
            answers = list(csv.reader(_lines(body)))
            remembered = json.loads(next(kept))
            # As numbers: that batch transform writes them as it was given them is nowhere promised.
            if [_number(cells) for cells in answers] != [line for line, _ in remembered]:
                raise ScoringError(f"The results in {key} are not those of its {counted(count, 'company')}.")
            for cells, (line, values) in zip(answers, remembered, strict=True):
                write([line, *values], cells[1:])
            summary.levels.update(cells[-1] for cells in answers)
            summary.scored += count
            on_progress("collect", summary.scored, total)
    errors = errors_name(order.target)
    finished = {order.target: result}
    if prepared.bad:
        summary.errors = errors
        finished[errors] = prepared.errors
    else:
        try:
            files.remove(s3, errors)  # what an earlier run left
        except files.PlaceError:
            # Who may write but not remove gets it without lines.
            finished[errors] = prepared.errors
    files.deliver_or_keep(s3, finished)


def errors_name(target: str) -> str:
    """Return where the numbers of bad lines stand: beside the result."""
    return f"{target[: target.rindex('.')]}.errors.csv"


def _number(cells: list[str]) -> float | None:
    """Return the line's number that a result begins with, None where it is no whole result."""
    try:
        return float(cells[0]) if len(cells) == len(RESULT) + 1 else None
    except ValueError:
        return None


def _lines(body: Any) -> Iterator[str]:
    for line in body.iter_lines(chunk_size=1 << 20):
        yield line.decode()
