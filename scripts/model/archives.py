"""Checks that the archive of a version is the evaluated one, downloads it, and loads the model in it."""

import hashlib
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

from inference.artifact import MAX_JSON_BYTES, MAX_NPZ_BYTES, Model, load
from inference.errors import ArtifactError
from scripts.aws.files import file_errors, open_stream
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.scratch import written_whole

ARCHIVE = "model.tar.gz"
AUDIT_COPY = "model.joblib"
# Metadata of a version: the hash of the evaluated archive.
ARCHIVE_SHA256 = "ArchiveSha256"
# The files that are unpacked, and their largest sizes: a few kilobytes in an archive can become many
# gigabytes on the disk.
_LIMITS = {"model.json": MAX_JSON_BYTES, "model.npz": MAX_NPZ_BYTES, AUDIT_COPY: 2_000_000_000}


class ArchiveError(ScriptError):
    """The archive of a version is not the evaluated one, or holds no model."""

    code = "archive_changed"


def check_archive(aws: Aws, package: dict[str, Any]) -> None:
    """Check the archive of a version, as deploy_model does before it deploys one.

    Parameters
    ----------
    package
        The registry's description of the version.

    Raises
    ------
    ArchiveError
        If the archive differs, or the version does not record its hash.
    FileError
        If the archive can't be read.
    """
    _check_hash(package, archive_sha256(aws, archive_uri(package)))


def archive_sha256(aws: Aws, uri: str) -> str:
    """Return the SHA-256 of the archive at a URI.

    Raises
    ------
    FileError
        If it can't be read.
    """
    with open_stream(aws, uri) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def archive_uri(package: dict[str, Any]) -> str:
    """Return the URI of a version's archive."""
    uri: str = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    return uri


def download_archive(aws: Aws, package: dict[str, Any], path: Path) -> None:
    """Download the archive of a version; write the file only if it is the evaluated archive.

    Raises
    ------
    ArchiveError
        If the archive differs, or the version does not record its hash.
    FileError
        If the archive can't be read, or the file can't be written.
    """
    with file_errors(str(path), "written"), written_whole(path) as partial:
        with open_stream(aws, archive_uri(package)) as stream, partial.open("wb") as file:
            shutil.copyfileobj(stream, file)
        with partial.open("rb") as file:
            _check_hash(package, hashlib.file_digest(file, "sha256").hexdigest())


def download_audit_copy(aws: Aws, package: dict[str, Any], path: Path) -> None:
    """Download the archive of a version, and write the pickled pipeline in it; nothing is unpickled.

    Raises
    ------
    ArchiveError
        If the archive is not the evaluated one, or holds no pipeline.
    FileError
        If the archive can't be read, or the file can't be written.
    """
    with tempfile.TemporaryDirectory(prefix="bankruptcy-model-") as folder:
        download_archive(aws, package, Path(folder) / ARCHIVE)
        _extract(package, Path(folder) / ARCHIVE, AUDIT_COPY)
        with file_errors(str(path), "written"), written_whole(path) as partial:
            shutil.copyfile(Path(folder) / AUDIT_COPY, partial)


def load_model(aws: Aws, package: dict[str, Any]) -> Model:
    """Download the model of a version and load it. Nothing in its archive is executed or unpickled.

    Raises
    ------
    ArchiveError
        If the archive is not the evaluated one, or holds no model that this code can read.
    FileError
        If the archive can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="bankruptcy-model-") as folder:
        download_archive(aws, package, Path(folder) / ARCHIVE)
        return load_downloaded(package, Path(folder) / ARCHIVE)


def load_downloaded(package: dict[str, Any], path: Path) -> Model:
    """Load the model of a version from its downloaded archive; unpack it beside the archive.

    Raises
    ------
    ArchiveError
        If the archive holds no model that this code can read.
    """
    _extract(package, path, "model.json", "model.npz")
    try:
        return load(path.parent)
    except ArtifactError as error:
        raise _unreadable(package, error) from error


def _extract(package: dict[str, Any], path: Path, *names: str) -> None:
    """Unpack some files of a version's archive into the archive's folder."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for name in names:
                archive.extract(_member(archive, name), path.parent, filter="data")
    except (KeyError, EOFError, zlib.error, tarfile.TarError, ArtifactError) as error:
        raise _unreadable(package, error) from error


def _member(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """Return a file of an archive; raise an ArtifactError if it is too large."""
    member = archive.getmember(name)
    if member.size > _LIMITS[name]:
        raise ArtifactError(f"{name} has {member.size:,} bytes; at most {_LIMITS[name]:,} are allowed.")
    return member


def _unreadable(package: dict[str, Any], error: Exception) -> ArchiveError:
    return ArchiveError(
        f"The model of version {package['ModelPackageVersion']} can't be loaded: {error}",
        "Choose another version, or register a new one with `bankruptcy pipeline start`.",
    )


def _check_hash(package: dict[str, Any], sha256: str) -> None:
    version, registered = package["ModelPackageVersion"], metadata_of(package).get(ARCHIVE_SHA256)
    if registered is None:
        raise ArchiveError(
            f"Version {version} does not record the {ARCHIVE_SHA256} of its archive.",
            "Choose another version, or register a new one with `bankruptcy pipeline start`.",
        )
    if sha256 != registered:
        raise ArchiveError(
            f"The archive of version {version} was changed after it was evaluated: its SHA-256 is "
            f"{sha256[:12]}, but {registered[:12]} was registered.",
            "Choose another version, and find out who changed the archive (SECURITY.md).",
        )
