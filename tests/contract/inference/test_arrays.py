"""The archive of arrays: its members, compression and sizes."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.models.artifacts import state_hash_of_arrays

from inference.artifact import MAX_JSON_BYTES, MAX_NPZ_BYTES, load
from inference.errors import ArtifactError


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_unsupported_archives_are_rejected(folder: Path, flag: int) -> None:
    # GIVEN members marked as encrypted or patched
    content = bytearray((folder / "model.npz").read_bytes())
    for header, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(header) + offset] |= flag
    (folder / "model.npz").write_bytes(content)
    state_hash_of_arrays(folder)
    with pytest.raises(ArtifactError, match="not an archive of plain arrays"):
        load(folder)


def array_bytes(array: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    return content.getvalue()


def write_members(
    folder: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED
) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(folder / "model.npz", "w", compression) as archive:
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names.
        for name, content in members:
            archive.writestr(name, content)
    state_hash_of_arrays(folder)


COEFFICIENTS = array_bytes(np.array([[1.0], [-1.0]]))


@pytest.mark.parametrize("second", ["0.coefficients.npy", "0.coefficients"])
def test_an_array_that_occurs_twice_is_rejected(folder: Path, second: str) -> None:
    zeros = array_bytes(np.zeros(1))
    write_members(
        folder,
        [("0.coefficients.npy", COEFFICIENTS), (second, COEFFICIENTS[::-1]), ("0.intercept.npy", zeros)],
    )
    with pytest.raises(
        ArtifactError, match=r"it has 2 members '0\.coefficients'; one is allowed\)\. Export the"
    ):
        load(folder)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_array_is_rejected_before_it_is_unpacked(folder: Path, compression: int) -> None:
    # GIVEN 20 MB in a few thousand bytes
    write_members(folder, [("0.coefficients.npy", array_bytes(np.zeros(2_500_000)))], compression)
    assert (folder / "model.npz").stat().st_size < 30_000
    with pytest.raises(
        ArtifactError,
        match=r"'0\.coefficients\.npy' is compressed; only stored members are allowed",
    ):
        load(folder)


def test_members_that_share_their_bytes_are_rejected(folder: Path) -> None:
    # GIVEN an archive whose second member is the first one again
    write_members(folder, [("0.a.npy", array_bytes(np.zeros(1000))), ("0.b.npy", array_bytes(np.zeros(0)))])
    with zipfile.ZipFile(folder / "model.npz") as archive:
        sizes = [archive.getinfo("0.a.npy").file_size, archive.getinfo("0.b.npy").file_size]
    small, large = (size.to_bytes(4, "little") for size in (sizes[1], sizes[0]))
    content = (folder / "model.npz").read_bytes()
    directory = content.index(b"PK\x01\x02")
    forged = content[:directory] + content[directory:].replace(small, large)
    (folder / "model.npz").write_bytes(forged)
    state_hash_of_arrays(folder)
    with pytest.raises(ArtifactError, match="its members have 16,256 bytes, but the archive only"):
        load(folder)


def test_an_archive_of_too_many_arrays_is_rejected(folder: Path) -> None:
    write_members(folder, [(f"{number}.npy", b"") for number in range(2_001)])
    with pytest.raises(ArtifactError, match=r"has about 2,001 arrays; at most 2,000 are allowed\. Export"):
        load(folder)


@pytest.mark.parametrize(
    ("name", "limit"), [("model.json", MAX_JSON_BYTES), ("model.npz", MAX_NPZ_BYTES)], ids=["json", "npz"]
)
def test_a_file_that_is_too_large_is_rejected_unread(folder: Path, name: str, limit: int) -> None:
    # GIVEN a sparse file, which needs no room on the disk
    os.truncate(folder / name, limit + 1)
    with pytest.raises(
        ArtifactError, match=rf"{name} has {limit + 1:,} bytes; at most {limit:,} are allowed\."
    ):
        load(folder)
