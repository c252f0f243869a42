"""Finds the data to work with: the user's file, the UCI file with its inferred firms, or sample data."""

import http.client
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from scripts.data.data_file import DataError, DataFile, plain_file, read_data_file
from scripts.scratch import written_whole
from steps.dataset.known_files import SAMPLE_FILE_NAME, UCI_SHA256

UCI_URL = "https://archive.ics.uci.edu/static/public/572/taiwanese+bankruptcy+prediction.zip"
UCI_FILE_NAME = "taiwanese-bankruptcy.csv"
TIMEOUT_SECONDS = 10.0
MAX_DOWNLOAD_BYTES = 50_000_000  # ten times the size of the archive

Opener = Callable[..., Any]  # called like urlopen: opener(url, timeout=seconds)


class DataUnavailableError(DataError):
    """The UCI archive can't be downloaded."""

    code = "data_unavailable"


def cache_folder() -> Path:
    """Return the folder for downloads, the sample and reports: $BANKRUPTCY_HOME, or ~/.cache/bankruptcy."""
    home = os.environ.get("BANKRUPTCY_HOME")
    return Path(home) if home else Path.home() / ".cache" / "bankruptcy"


def fetched() -> Path | None:
    """Return the path of the UCI file, or None if it has not been downloaded."""
    path = cache_folder() / UCI_FILE_NAME
    return path if path.is_file() else None


def fetch(folder: Path, opener: Opener = urlopen) -> DataFile:
    """Return the UCI file with inferred firms in a folder; download it if it is missing or damaged.

    Raises
    ------
    DataUnavailableError
        If UCI can't be reached, or its answer is not an archive.
    DataError
        If the archive contains another file, or the folder can't be written.
    """
    path = folder / UCI_FILE_NAME
    if path.is_file():
        known = read_data_file(path)
        if known.has_inferred_firms:
            return known
        if known.is_original:  # an earlier version cached the file without firms
            return _with_firms(folder, known.content)
    archived = plain_file(path, _download(opener), "The archive from UCI")
    found = DataFile(path, UCI_FILE_NAME, archived.content)
    if not found.is_original:
        raise DataError(
            f"The file {archived.name} from {UCI_URL} is not the file that this project was written for: "
            f"given sha256 {found.sha256}, expected {' or '.join(UCI_SHA256)}.",
            "Look at the file first; then pass it with --data PATH.",
        )
    return _with_firms(folder, found.content)


def resolve(path: Path | None, opener: Opener = urlopen) -> DataFile:
    """Return the data to work with: the given file, else the UCI file, else the sample if UCI is unreachable.

    The UCI file always gets the column of inferred firms; the cache stores it with that column.

    Raises
    ------
    DataError
        If the given file can't be read, or UCI's archive contains another file.
    """
    if path is not None:
        given = read_data_file(path)
        return _with_firms(cache_folder(), given.content) if given.is_original else given
    try:
        return fetch(cache_folder(), opener)
    except DataUnavailableError as error:
        return read_data_file(_cached_sample(), note=str(error))


def _with_firms(folder: Path, original: bytes) -> DataFile:
    from scripts.data.firms import with_firm_ids

    file = DataFile(folder / UCI_FILE_NAME, UCI_FILE_NAME, with_firm_ids(original))
    _write(file.path, file.content)
    return file


def _cached_sample() -> Path:
    from scripts.data import sample

    # The file's name marks it as the sample everywhere, so that each version has its own folder.
    path = cache_folder() / f"sample-{sample.version()}" / SAMPLE_FILE_NAME
    if not path.is_file():
        _write(path, sample.csv_bytes())
    return path


def _download(opener: Opener) -> bytes:
    try:
        with opener(UCI_URL, timeout=TIMEOUT_SECONDS) as response:
            content: bytes = response.read(MAX_DOWNLOAD_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataUnavailableError(
            f"The archive at UCI can't be reached ({reason}).",
            f"Try again with a network; or download {UCI_URL} elsewhere and pass it with --data PATH.",
        ) from error
    if len(content) > MAX_DOWNLOAD_BYTES or not zipfile.is_zipfile(io.BytesIO(content)):
        raise DataUnavailableError(
            f"The answer from {UCI_URL} is not an archive ({len(content):,} bytes).",
            "It may be the sign-in page of your network.",
        )
    return content


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, so that an interruption leaves no partial file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise DataError(
            f"{path} can't be written ({error}).", "Set BANKRUPTCY_HOME to a writable folder."
        ) from error
