"""Loads the version to preview, and the champion."""

from __future__ import annotations

from scripts.aws.session import Aws
from scripts.errors import ScriptError
from scripts.model.approval import find_version
from scripts.model.archives import load_model
from scripts.model.contracts import champion_version
from scripts.preview.local_model import LocalModel


class PreviewError(ScriptError):
    """A version can't be compared with the champion."""

    code = "no_preview"


def load_both(aws: Aws, version: int | None) -> tuple[LocalModel, LocalModel]:
    """Return the champion's model, and that of a version or of the newest one.

    Raises
    ------
    PreviewError
        If there is no champion, or the version is the champion.
    UnknownVersionError
        If there is no such version.
    ArchiveError
        If an archive is not the evaluated one.
    """
    package = find_version(aws, version)
    number = package["ModelPackageVersion"]
    champion = champion_version(aws)
    if champion is None:
        raise PreviewError(
            f"There is no champion to compare version {number} with.",
            f"Look at its figures with `bankruptcy model show {number}` and `bankruptcy report`.",
        )
    if champion == str(number):
        raise PreviewError(
            f"Version {number} is the champion itself.", "`bankruptcy model list` shows the other versions."
        )
    return (
        LocalModel(load_model(aws, find_version(aws, int(champion))), int(champion)),
        LocalModel(load_model(aws, package), number),
    )
