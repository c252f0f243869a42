"""Writes the file that an option names, such as `--output`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from scripts.errors import UsageError


def check_output(output: Path, source: Path | None) -> None:
    """Check that an output does not overwrite the companies.

    Raises
    ------
    UsageError
        If it is the same file as `source`.
    """
    from scripts.aws.files import is_same

    if source is not None and is_same(str(source), str(output)):
        raise UsageError(f"{output} would overwrite the companies; name another output.")


def check_folder(output: Path) -> None:
    """Check that the folder of an output exists, before the work starts.

    Raises
    ------
    UsageError
        If it does not.
    """
    if not output.parent.is_dir():
        raise UsageError(f"{output} can't be written: the folder {output.parent} does not exist.")


@contextmanager
def written_file(path: Path) -> Iterator[TextIO]:
    """Open a file that is only replaced at the end, so that a command that fails leaves it as it was.

    Raises
    ------
    FileError
        If it can't be written.
    """
    from scripts.aws.files import FileError
    from scripts.scratch import written_whole

    with ExitStack() as stack:
        try:
            partial = stack.enter_context(written_whole(path))
            stream = stack.enter_context(partial.open("w", newline="", encoding="utf-8"))
        except OSError as error:
            raise FileError(f"{path} can't be written ({error.strerror}).") from error
        yield stream
