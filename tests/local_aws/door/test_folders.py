"""Folders of killed processes go at the next start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_aws.base import folders as local_folders
from scripts import scratch


@pytest.mark.parametrize("module", [local_folders, scratch], ids=["local AWS", "scoring"])
def test_only_folders_of_ended_processes_are_removed(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, used, kept, other = (
        tmp_path / name
        for name in (f"work-{ended.pid}-a", f"work-{os.getppid()}-b", "work-kept", f"others-{ended.pid}-c")
    )
    for folder in (left, used, kept, other):
        (folder / "inside").mkdir(parents=True)
    made = module.make_folder("work")  # type: ignore[attr-defined]
    assert made.is_dir()
    assert sorted(tmp_path.iterdir()) == sorted([made, used, kept, other])
