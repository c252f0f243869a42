"""Checks the files that people send with forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Request

from scripts.errors import UsageError
from steps.tables.open import is_compressed

_HEAD_BYTES = 8


def sent_file(request: Request, endings: Sequence[str], command: str) -> FileStorage:
    """Return the file of a form.

    Parameters
    ----------
    endings
        What its name can end in.
    command
        The command that takes other files, too.

    Raises
    ------
    UsageError
        If no file was chosen, its name ends in something else, or it is compressed: it could become much
        larger than what was sent.
    """
    file, allowed = request.files.get("file"), ", ".join(endings)
    if file is None or not file.filename:
        raise UsageError("No file was chosen.", f"Choose a file that ends in {allowed}.")
    if Path(file.filename).suffix.lower() not in endings:
        raise UsageError(
            f"{file.filename} must end in {allowed}.", f"For other files, use `bankruptcy {command}`."
        )
    start = file.stream.read(_HEAD_BYTES)
    file.stream.seek(0)
    if is_compressed(start):
        raise UsageError(f"{file.filename} is compressed.", f"Decompress it, or use `bankruptcy {command}`.")
    return file
