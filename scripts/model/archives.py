"""Checks that the archive of a version is the evaluated one, and loads the model in it."""

import hashlib
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import Any

from inference.artifact import MAX_JSON_BYTES, MAX_NPZ_BYTES, Model, load
from inference.errors import ArtifactError
from scripts.aws.files import open_stream
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws
from scripts.errors import ScriptError

# The files of an archive that a model is loaded from, and their largest sizes.
_FILES = {"model.json": MAX_JSON_BYTES, "model.npz": MAX_NPZ_BYTES}


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
    with open_stream(aws, _uri(package)) as stream:
        _check_hash(package, hashlib.file_digest(stream, "sha256").hexdigest())  # type: ignore[arg-type]


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
        path = Path(folder) / "model.tar.gz"
        with open_stream(aws, _uri(package)) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        with path.open("rb") as file:
            _check_hash(package, hashlib.file_digest(file, "sha256").hexdigest())
        try:
            with tarfile.open(path, "r:gz") as archive:
                for name, limit in _FILES.items():
                    _extract(archive, name, limit, folder)
            return load(Path(folder))
        except (KeyError, EOFError, zlib.error, tarfile.TarError, ArtifactError) as error:
            raise ArchiveError(
                f"The model of version {package['ModelPackageVersion']} can't be loaded: {error}",
                "Choose another version, or register a new one with `bankruptcy pipeline start`.",
            ) from error


def _extract(archive: tarfile.TarFile, name: str, limit: int, folder: str) -> None:
    member = archive.getmember(name)
    # A few kilobytes in an archive can become many gigabytes on the disk.
    if member.size > limit:
        raise ArtifactError(f"{name} has {member.size:,} bytes; at most {limit:,} are allowed.")
    archive.extract(member, folder, filter="data")


def _uri(package: dict[str, Any]) -> str:
    uri: str = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    return uri


def _check_hash(package: dict[str, Any], sha256: str) -> None:
    version, registered = package["ModelPackageVersion"], metadata_of(package).get("ArchiveSha256")
    if registered is None:
        raise ArchiveError(
            f"Version {version} does not record the ArchiveSha256 of its archive.",
            "Choose another version, or register a new one with `bankruptcy pipeline start`.",
        )
    if sha256 != registered:
        raise ArchiveError(
            f"The archive of version {version} was changed after it was evaluated: its SHA-256 is "
            f"{sha256[:12]}, but {registered[:12]} was registered.",
            "Choose another version, and find out who changed the archive (SECURITY.md).",
        )
