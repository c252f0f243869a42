"""Scores a portfolio by batch transform: uploads it, runs the job, and collects the results."""

import csv
import errno
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from botocore.exceptions import BotoCoreError, ClientError
from numpy.typing import NDArray

from scripts.aws import files
from scripts.aws.failures import unless_changed
from scripts.aws.session import Aws
from scripts.aws.transform_jobs import ENDED, last_log_lines, stop
from scripts.companies.errors import CompanyFileError
from scripts.companies.forms import Form, form_of
from scripts.companies.output import AT_BASE_RATE, safe_cell
from scripts.score.base_rate import base_rate_offset, with_offset
from scripts.score.log import OFF, write_log
from scripts.score.model import Model, ScoringError
from scripts.score.parts import Parts
from scripts.score.portfolio import BadLine, Company, Row, open_portfolio
from scripts.score.results import errors_location, open_for_writing, result_writer
from scripts.score.units import UnitCheck
from scripts.scratch import make_folder
from scripts.text import counted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """What to score, and how.

    Attributes
    ----------
    source, target
        Paths or S3 URIs that end in .csv or .jsonl; the source may be compressed (.gz, .xz, .zip).
    keep
        See `scripts.score.portfolio.open_portfolio`.
    name
        Name of the job and its model; new for every run.
    role_arn
        Role of the job.
    base_rate
        The known share of bankrupt companies in the portfolio, for another probability; None if unknown.
    log
        What to log for monitoring; see `scripts.score.log.log_mode`.
    """

    source: str
    target: str
    keep: Sequence[str] | None
    name: str
    role_arn: str
    instance_type: str = "ml.m5.large"
    instances: int = 1
    base_rate: float | None = None
    log: str = OFF


@dataclass
class Summary:
    """What was scored.

    Attributes
    ----------
    bad
        Number of lines that could not be scored.
    ignored_columns
        The columns that no model uses, as text.
    mean
        The mean probability, before any base rate; None without a base rate.
    errors
        Location of the list of bad lines; None if there are none.
    unit_warnings
        A warning for each column with values between its two units.
    logged
        Number of companies whose scores are logged.
    warnings
        Problems that do not affect the result.
    seconds
        Duration of each stage.
    """

    scored: int = 0
    bad: int = 0
    ignored_columns: str = ""
    levels: Counter[str] = field(default_factory=Counter)
    mean: float | None = None
    errors: str | None = None
    unit_warnings: list[str] = field(default_factory=list)
    logged: int = 0
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


# Called with a stage (prepare, transform, collect, log), the number of companies done, and their total if
# known.
OnProgress = Callable[[str, int, int | None], None]


def score(aws: Aws, order: Order, model: Model, on_progress: OnProgress) -> Summary:
    """Score a portfolio.

    Bad lines are removed beforehand, as the container rejects a whole batch because of one bad line. They
    are listed next to the result, in `<target>.errors.csv`.

    Raises
    ------
    ScoringError, CompanyFileError, FileError
        If nothing could be scored; then nothing is written, and nothing remains in the account. Also if the
        result could not be delivered; then it is kept on this machine, and the message says where.
    """
    _check(aws, order, model)
    try:
        with ExitStack() as stack:
            scratch = make_folder("bankruptcy-score")
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            scoring = _Scoring(aws, order, model, on_progress, scratch)
            # The companies' figures stay in the bucket no longer than necessary.
            stack.callback(scoring.clean_up)
            return scoring.run()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ScoringError(
            f"The portfolio could not be scored: {error}.",
            f"Free some space in {tempfile.gettempdir()}, or set TMPDIR to another folder.",
        ) from error


def _check(aws: Aws, order: Order, model: Model) -> None:
    """Raise an error if the portfolio can't be scored as ordered."""
    form_of(order.source)
    form_of(order.target)
    if not order.target.lower().endswith(tuple(Form)):
        raise CompanyFileError(f"The result {order.target} can't be compressed; name another file.")
    for written in (order.target, errors_location(order.target)):
        if files.is_same(order.source, written):
            raise CompanyFileError(f"{written} would overwrite the portfolio; name another result.")
    if model.instance_types and order.instance_type not in model.instance_types:
        raise ScoringError(
            f"Version {model.version} can't run on {order.instance_type!r}; "
            f"its instance types are {', '.join(model.instance_types)}."
        )
    files.check_writable(aws, order.target)


class _Scoring:
    """One run of the job, with everything that its stages share."""

    def __init__(self, aws: Aws, order: Order, model: Model, on_progress: OnProgress, scratch: Path) -> None:
        self._aws = aws
        self._order = order
        self._model = model
        self._on_progress = on_progress
        self._scratch = scratch
        self._errors = scratch / "errors.csv"
        self._parts = Parts(aws, order.name, scratch / "kept.jsonl")
        self._kept: tuple[str, ...] = ()
        self._first_problem = ""
        self._summary = Summary()

    def run(self) -> Summary:
        """Prepare the portfolio, run the job and collect the results."""
        summary = self._summary
        with self._timed("prepare"):
            self._prepare()
        if not self._parts.companies:
            raise ScoringError(
                f"No company can be scored: {counted(summary.bad, 'bad line')}, the first: "
                f"{self._first_problem}."
            )
        with self._timed("transform"):
            self._transform()
        with self._timed("collect"):
            self._collect()
        with self._timed("log"):
            if self._order.log != OFF:
                self._log()
        return summary

    def clean_up(self) -> None:
        """Remove the job's folder; a failure is only a warning, so that it hides neither result nor error."""
        try:
            self._parts.remove()
        except (files.FileError, BotoCoreError, ClientError) as error:
            self._summary.warnings.append(
                f"{self._parts.uri}/ could not be removed ({error}). Remove it yourself."
            )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._summary.seconds[stage] = time.monotonic() - started

    def _prepare(self) -> None:
        """Upload the valid lines, and list the bad ones."""
        order, name = self._order, files.file_name(self._order.source)
        units = UnitCheck(self._model.gaps)
        with (
            files.open_stream(self._aws, order.source) as raw,
            open_portfolio(raw, name, self._model.features, order.keep, units) as portfolio,
            open_for_writing(self._errors) as errors,
        ):
            self._kept = portfolio.kept
            self._summary.ignored_columns = portfolio.ignored_columns
            companies = self._without_bad_lines(portfolio.rows, csv.writer(errors, lineterminator="\n"))
            # Closing it waits for running uploads, so that clean_up finds all of them.
            with closing(self._parts.upload(companies)) as uploaded:
                for count in uploaded:
                    self._on_progress("prepare", count, None)
        self._summary.unit_warnings = units.warnings
        self._on_progress("prepare", self._parts.companies, self._parts.companies)

    def _without_bad_lines(self, rows: Iterable[Row], errors: Any) -> Iterator[Company]:
        errors.writerow(BadLine._fields)
        for row in rows:
            if isinstance(row, Company):
                yield row
                continue
            errors.writerow(map(safe_cell, row))
            if not self._summary.bad:
                words = (f"line {row.line}", row.column, row.problem)
                self._first_problem = " ".join(filter(None, words))
            self._summary.bad += 1

    def _transform(self) -> None:
        """Create the model, run the job to its end, and delete the model."""
        sagemaker, name = self._aws.client("sagemaker"), self._order.name
        # Whole, because AWS does not document whether it merges this with the package's own.
        environment = {**self._model.environment, "MODEL_PACKAGE_VERSION": str(self._model.version)}
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self._order.role_arn,
            PrimaryContainer={"ModelPackageName": self._model.arn, "Environment": environment},
            EnableNetworkIsolation=True,
        )
        try:
            # AWS Budgets finds the cost of the project by this tag.
            tags = [{"Key": "Project", "Value": self._aws.project.name}]
            sagemaker.create_transform_job(TransformJobName=name, ModelName=name, Tags=tags, **self._job())
            self._wait()
        except BaseException:
            stop(self._aws, name)
            raise
        finally:
            unless_changed(sagemaker.delete_model, ModelName=name)

    def _job(self) -> dict[str, Any]:
        uri, width, order = self._parts.uri, len(self._model.features), self._order
        return {
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{uri}/in/"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"{uri}/out", "Accept": "text/csv", "AssembleWith": "Line"},
            # The line number bypasses the model, and is joined with three columns of the container's answer:
            # prediction, probability of no bankruptcy, probability of bankruptcy, risk level, confidence.
            "DataProcessing": {
                "InputFilter": "$[1:]",
                "JoinSource": "Input",
                "OutputFilter": f"$[0,{width + 1},{width + 3},{width + 4}]",
            },
            "TransformResources": {"InstanceType": order.instance_type, "InstanceCount": order.instances},
        }

    def _wait(self) -> None:
        sagemaker, name = self._aws.client("sagemaker"), self._order.name
        while True:
            job = sagemaker.describe_transform_job(TransformJobName=name)
            self._on_progress("transform", self._parts.scored(), self._parts.companies)
            status = job["TransformJobStatus"]
            if status == "Completed":
                return
            if status in ENDED:
                reason = job.get("FailureReason", "it was stopped").rstrip(".")
                raise ScoringError(
                    f"The transform job {name} ended as {status}: {reason}.{last_log_lines(self._aws, name)}"
                )
            time.sleep(self._aws.poll_seconds)

    def _collect(self) -> None:
        """Write the results in order, next to the kept values, and deliver them."""
        summary, target = self._summary, self._order.target
        result = self._scratch / "result"
        offset = self._offset()
        more = () if offset is None else (AT_BASE_RATE,)
        with open_for_writing(result) as file:
            write = result_writer(form_of(target), file, self._kept, str(self._model.version), more)
            for part in self._parts.results():
                further: Iterable[Sequence[float]] = repeat((), len(part))
                if offset is not None:
                    further = zip(with_offset(_probabilities(part), offset).tolist(), strict=True)
                for (kept, cells), numbers in zip(part, further, strict=True):
                    write(kept, cells[1:], numbers)
                summary.levels.update(cells[-1] for _, cells in part)
                summary.scored += len(part)
                self._on_progress("collect", summary.scored, self._parts.companies)
        finished = {target: result}
        if summary.bad:
            summary.errors = errors_location(target)
            finished[summary.errors] = self._errors
        else:
            try:
                files.remove(self._aws, errors_location(target))  # of an earlier run
            except files.FileError:
                # The caller may write but not remove: replace the earlier list by an empty one.
                finished[errors_location(target)] = self._errors
        files.deliver_or_keep(self._aws, finished)

    def _log(self) -> None:
        """Log the scores; a failure is only a warning, as the result has been delivered."""
        order, summary = self._order, self._summary
        logged = write_log(
            self._aws,
            self._parts,
            self._model,
            order.name,
            self._scratch,
            mode=order.log,
            now=datetime.now(UTC),
        )
        try:
            for summary.logged in logged:
                self._on_progress("log", summary.logged, self._parts.companies)
        except (files.FileError, OSError, BotoCoreError, ClientError) as error:
            summary.warnings.append(
                f"Monitoring does not see {counted(summary.scored - summary.logged, 'score')}: the log could "
                f"not be written ({str(error).rstrip('.')})."
            )

    def _offset(self) -> float | None:
        """Return the offset of the log-odds for the known base rate; None without one."""
        if self._order.base_rate is None:
            return None
        probability = np.concatenate([_probabilities(part) for part in self._parts.results()])
        self._summary.mean = float(np.mean(probability))
        try:
            return base_rate_offset(probability, self._order.base_rate)
        except ValueError as error:
            raise ScoringError(str(error), "Score the portfolio without --base-rate.") from error


def _probabilities(part: Sequence[tuple[Any, list[str]]]) -> Floats:
    return np.array([float(cells[2]) for _, cells in part])
