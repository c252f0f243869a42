"""The functions' zips are reproducible and small, and only contain Python files."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from scripts.deploy.packaging import FUNCTIONS, pack


def make_package(folder: Path, *, when: float, mode: int) -> Path:
    """Write a package whose files have this time and mode."""
    package = folder / "thing"
    (package / "inner" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/work.py", "notes.txt", "inner/__pycache__/x.py"):
        path = package / name
        path.write_text(f"# {name}\n")
        path.chmod(mode)
        os.utime(path, (when, when))
    return folder


def test_the_same_files_give_the_same_bytes_whatever_their_times_and_modes(tmp_path: Path) -> None:
    first = pack("thing", make_package(tmp_path / "a", when=1_000_000_000, mode=0o644))
    second = pack("thing", make_package(tmp_path / "b", when=1_700_000_000, mode=0o600))

    assert first.content == second.content
    assert first.key == second.key
    with zipfile.ZipFile(io.BytesIO(first.content)) as archive:
        assert archive.namelist() == ["thing/__init__.py", "thing/inner/__init__.py", "thing/inner/work.py"]
        assert archive.read("thing/inner/work.py") == b"# inner/work.py\n"


def test_other_code_has_another_key(tmp_path: Path) -> None:
    folder = make_package(tmp_path, when=1_000_000_000, mode=0o644)
    before = pack("thing", folder)
    (folder / "thing" / "inner" / "work.py").write_text("# changed\n")

    assert pack("thing", folder).key != before.key


@pytest.mark.parametrize("function", FUNCTIONS)
def test_our_functions_are_below_100_kilobytes(function: str) -> None:
    archive = pack(function)

    assert len(archive.content) < 100_000
    assert archive.key.startswith("code/")
    assert archive.key.endswith(f"/{function}.zip")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        assert f"{function}/handler.py" in opened.namelist()


def test_a_missing_package_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere contains no Python files"):
        pack("nowhere", tmp_path)


def test_a_zip_that_is_too_large_is_rejected(tmp_path: Path) -> None:
    folder = make_package(tmp_path, when=1_000_000_000, mode=0o644)
    (folder / "thing" / "data.py").write_bytes(os.urandom(120_000))

    with pytest.raises(ValueError, match="at most 100,000 are allowed"):
        pack("thing", folder)
