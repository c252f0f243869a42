"""Folders, arguments, logging and error reporting that every job shares."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

# SageMaker shows the first 1,024 characters of a failure. The full text is in the job's log.
MESSAGE_CHARACTERS = 1024


class JobError(Exception):
    """An error that the person who started the execution can understand and fix.

    Attributes
    ----------
    code
        Stable name of the kind of error, for programs.
    problem
        What is wrong: what was given and what is allowed.
    hint
        What to do next; empty if the problem already says it.
    """

    code = "failed"

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}\n{hint}".rstrip())
        self.problem = problem
        self.hint = hint


class ParameterError(JobError):
    """A parameter or argument has a value that is not allowed."""

    code = "invalid_parameter"


class DataError(JobError):
    """The data file cannot be used; `problem` lists what is wrong with it."""

    code = "invalid_data"


class Arguments(argparse.ArgumentParser):
    """Command-line parser that raises `ParameterError` for invalid arguments."""

    def error(self, message: str) -> NoReturn:
        """Raise a `ParameterError` instead of exiting."""
        problem = f"The job was started with invalid arguments: {message}."
        raise ParameterError(problem, self.format_usage().strip())


def require_choice(parameter: str, value: str, choices: Sequence[str]) -> None:
    """Raise a `ParameterError` unless a pipeline parameter has one of the allowed values."""
    if value not in choices:
        problem = f"{parameter} is {value!r}; it must be one of {', '.join(choices)}."
        raise ParameterError(problem)


def base_dir() -> Path:
    """Return the folder that SageMaker gives a job: $SAGEMAKER_BASE_DIR if set, otherwise /opt/ml."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def processing_input(name: str) -> Path:
    """Return the folder of a processing job's input."""
    return base_dir() / "processing" / "input" / name


def processing_output(name: str) -> Path:
    """Return the folder of a processing job's output."""
    return base_dir() / "processing" / "output" / name


def channel(name: str) -> Path:
    """Return the folder of a training job's channel."""
    folder = os.environ.get(f"SM_CHANNEL_{name.upper()}")
    return Path(folder) if folder else base_dir() / "input" / "data" / name


def model_dir() -> Path:
    """Return the folder whose contents SageMaker packs into a training job's model.tar.gz."""
    folder = os.environ.get("SM_MODEL_DIR")
    return Path(folder) if folder else base_dir() / "model"


def available_cores() -> int:
    """Return how many cores this process can use: at most `SM_NUM_CPUS`, if the training toolkit sets it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, int(os.environ.get("SM_NUM_CPUS") or usable)))


def log(line: str) -> None:
    """Write a line to the job's log and flush it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def require_file(path: Path, description: str) -> Path:
    """Return `path`, or raise a `JobError` that says which input is missing."""
    if not path.is_file():
        found = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise JobError(
            f"The {description} is missing: {path} does not exist; its folder holds {found or 'nothing'}.",
        )
    return path


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS and OpenMP to one thread, so that a fit gives the same bytes on any number of cores."""
    # Imported here because only jobs that fit need it.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(limits=1):
        yield


def run(main: Callable[[], None]) -> None:
    """Run a job's `main`; on failure, write the reason where SageMaker reads it and exit with 1.

    The message of a `JobError` is written unchanged. Any other exception is a bug: it is raised again, so
    that its traceback is in the log.
    """
    try:
        main()
    except JobError as error:
        sys.stderr.write(f"{error}\n")
        _report_failure(str(error))
        raise SystemExit(1) from None
    except Exception as error:
        _report_failure(
            f"The job failed with an unexpected {type(error).__name__}: {error}\nSee the job's log."
        )
        raise


def _report_failure(message: str) -> None:
    if len(message) > MESSAGE_CHARACTERS:
        ending = "\n… (the job's log has the rest)"
        message = message[: MESSAGE_CHARACTERS - len(ending)] + ending
    output = base_dir() / "output"
    try:
        output.mkdir(parents=True, exist_ok=True)
        # SageMaker reads a training job's FailureReason from `failure`, and a processing job's ExitMessage
        # from `message`.
        for name in ("failure", "message"):
            (output / name).write_text(message, encoding="utf-8")
    except OSError as error:
        # Outside of a container, /opt/ml may not be writable. That must not hide the real reason.
        sys.stderr.write(f"The reason for the failure could not be written to {output}: {error}\n")
