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
        The allowed ends of its name.
    command
        The command that accepts other files, for the error message.

    Raises
    ------
    UsageError
        If no file was chosen, its name has another end, or it is compressed: its content could be much larger
        than the sent file.
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
