"""What every job shares: its folders, its arguments, how it fails, and one thread per fit."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

# SageMaker shows the first 1,024 characters of a failure; the rest stands in the job's log.
MESSAGE_CHARACTERS = 1024


class JobError(Exception):
    """A failure that the person who started the execution can understand and mend."""


class Arguments(argparse.ArgumentParser):
    """Command-line arguments whose mistakes are failures like any other."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found wrong instead of exiting silently."""
        raise JobError(f"The job was started with wrong arguments: {message}.\n{self.format_usage().strip()}")


def base_dir() -> Path:
    """Return the folder that SageMaker gives a job: /opt/ml, or $SAGEMAKER_BASE_DIR in its place."""
    return Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def processing_input(name: str) -> Path:
    """Return the folder of a processing job's input."""
    return base_dir() / "processing" / "input" / name


def processing_output(name: str) -> Path:
    """Return the folder of a processing job's output."""
    return base_dir() / "processing" / "output" / name


def channel(name: str) -> Path:
    """Return the folder of a training job's channel."""
    given = os.environ.get(f"SM_CHANNEL_{name.upper()}")
    return Path(given) if given else base_dir() / "input" / "data" / name


def model_dir() -> Path:
    """Return the folder that a training job's model.tar.gz is made of."""
    given = os.environ.get("SM_MODEL_DIR")
    return Path(given) if given else base_dir() / "model"


def say(line: str) -> None:
    """Write a line to the job's log at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def require_file(path: Path, what: str) -> Path:
    """Return `path`, or fail with a sentence that says which input is missing."""
    if not path.is_file():
        found = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise JobError(
            f"The {what} is missing: {path} does not exist; its folder holds {found or 'nothing'}."
        )
    return path


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one BLAS and OpenMP thread, so that a fit gives the same bytes on any machine's cores."""
    # Only jobs that fit load it.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(limits=1):
        yield


def run(main: Callable[[], None]) -> None:
    """Run a job's `main`; where it fails, leave the reason where SageMaker shows it and exit with 1.

    A `JobError` is written as it is; anything else is a defect of ours and leaves its traceback in the log.
    """
    try:
        main()
    except JobError as error:
        sys.stderr.write(f"{error}\n")
        _report_failure(str(error))
        raise SystemExit(1) from None
    except Exception as error:
        _report_failure(
            f"The job stopped on an unexpected {type(error).__name__}: {error}\nSee the job's log."
        )
        raise


def _report_failure(message: str) -> None:
    if len(message) > MESSAGE_CHARACTERS:
        ending = "\n… (the job's log has the rest)"
        message = message[: MESSAGE_CHARACTERS - len(ending)] + ending
    output = base_dir() / "output"
    try:
        output.mkdir(parents=True, exist_ok=True)
        # A training job's FailureReason is read from `failure`, a processing job's ExitMessage from
        # `message`.
        for name in ("failure", "message"):
            (output / name).write_text(message, encoding="utf-8")
    except OSError as error:
        # Outside of a container /opt/ml can be out of reach; that must not take the place of the reason.
        sys.stderr.write(f"The reason could not be left in {output}: {error}\n")
