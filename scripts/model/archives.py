"""Checks that the archive of a version is the evaluated one."""

import hashlib
from typing import Any

from scripts.aws.files import open_stream
from scripts.aws.registry import metadata_of
from scripts.aws.session import Aws
from scripts.errors import ScriptError


class ArchiveError(ScriptError):
    """The archive of a version is not the evaluated one."""

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
    version, registered = package["ModelPackageVersion"], metadata_of(package).get("ArchiveSha256")
    if registered is None:
        raise ArchiveError(
            f"Version {version} does not record the ArchiveSha256 of its archive.",
            "Choose another version with --version, or register a new one with `bankruptcy pipeline start`.",
        )
    with open_stream(aws, package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]) as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    if sha256 != registered:
        raise ArchiveError(
            f"The archive of version {version} was changed after it was evaluated: its SHA-256 is "
            f"{sha256[:12]}, but {registered[:12]} was registered.",
            "Choose another version with --version, and find out who changed the archive (SECURITY.md).",
        )
