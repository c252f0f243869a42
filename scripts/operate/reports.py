"""Fetches the report of an execution or a version."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.aws.files import FileError, open_stream, read_if_present
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws
from scripts.data.source import cache_folder
from scripts.data.upload import exists
from scripts.operate.executions import ExecutionError, resolve_execution
from scripts.scratch import written_whole

if TYPE_CHECKING:
    from pipeline.service import Execution


# The newest executions among which to look for one with a report.
_SEARCHED = 20


def find_reported(aws: Aws, arn_or_id: str | None) -> Execution:
    """Return an execution by ARN or id, or the newest one that has a report.

    Raises
    ------
    ExecutionError
        If there is no such execution.
    """
    from pipeline.service import describe, list_executions

    sagemaker = aws.client("sagemaker")
    if arn_or_id is not None:
        return describe(sagemaker, resolve_execution(aws, arn_or_id))
    known = list_executions(sagemaker, aws.project.pipeline, _SEARCHED)
    for item in known:
        if exists(aws, _report_uri(aws, item)):
            return describe(sagemaker, item.arn)
    if known and known[0].status == "Executing":
        raise ExecutionError(
            f"There is no report yet: execution {known[0].id} is still running.",
            "`bankruptcy pipeline status` shows its progress.",
        )
    searched = f"None of the newest {_SEARCHED} executions" if len(known) == _SEARCHED else "No execution"
    raise ExecutionError(
        f"{searched} of {aws.project.pipeline} has a report.", "`bankruptcy pipeline start --wait` makes one."
    )


def save_report(aws: Aws, execution: Execution, path: Path | None = None) -> Path:
    """Write the report of an execution to a file, by default in the cache folder; return its path.

    Raises
    ------
    ExecutionError
        If the execution has no report.
    FileError
        If the report can't be read, or the file can't be written.
    """
    return save_page(read_report(aws, execution), execution.id, path)


def read_report(aws: Aws, execution: Execution) -> bytes:
    """Return the report of an execution, a page in HTML.

    Raises
    ------
    ExecutionError
        If the execution has no report.
    """
    page = read_if_present(aws, _report_uri(aws, execution))
    if page is None:
        raise ExecutionError(
            f"Execution {execution.id} ({execution.status}) has no report: "
            "its Evaluate step has not succeeded."
        )
    return page


def save_version_report(aws: Aws, package: dict[str, Any], path: Path | None = None) -> Path:
    """Write the report that a version was registered with to a file, as `save_report` does.

    Raises
    ------
    ExecutionError
        If the version has no report.
    FileError
        If the report can't be read, or the file can't be written.
    """
    # Versions of different projects have the same numbers.
    name = f"{aws.project.bucket}-version-{package['ModelPackageVersion']}"
    return save_page(read_version_report(aws, package), name, path)


def read_version_report(aws: Aws, package: dict[str, Any]) -> bytes:
    """Return the report that a version was registered with, a page in HTML.

    A version that was promoted from another project has no execution in this one.

    Raises
    ------
    ExecutionError
        If the version has no report.
    FileError
        If the report can't be read.
    """
    version, uri = package["ModelPackageVersion"], metadata_of(package).get("ReportUri")
    if uri is None:
        raise ExecutionError(
            f"Version {version} does not record a ReportUri.",
            "Name its execution: `bankruptcy pipeline list` shows the newest ones.",
        )
    return _read(aws, uri)


def _report_uri(aws: Aws, execution: Execution) -> str:
    return f"{aws.project.evaluation_uri(execution.id).rpartition('/')[0]}/report.html"


def _read(aws: Aws, uri: str) -> bytes:
    with open_stream(aws, uri) as stream:
        return stream.read()


def save_page(page: bytes, name: str, path: Path | None) -> Path:
    """Write a page to a file; return its path.

    Parameters
    ----------
    name
        Its name, without extension, in the cache folder; used if `path` is None.

    Raises
    ------
    FileError
        If the file can't be written.
    """
    try:
        if path is None:
            path = cache_folder() / "reports" / f"{name}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_bytes(page)
    except OSError as error:
        raise FileError(
            f"{path} can't be written ({error.strerror}).", "Choose another file with --output."
        ) from error
    return path
