"""Files that are written as a whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.scratch import written_whole

KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from scripts.scratch import written_whole
with written_whole(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def interrupted_write(path: Path) -> None:
    with written_whole(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt


def test_an_error_keeps_the_earlier_file_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "result [1].csv"
    path.write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        interrupted_write(path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "result [1].csv"
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    assert list(tmp_path.iterdir()) != []

    with written_whole(path) as partial:
        partial.write_text("whole")

    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_to_the_file_and_a_device_is_written_directly(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "folder" / "target"
    target.parent.mkdir()
    link.symlink_to(target)
    with written_whole(link) as partial:
        partial.write_text("whole")
    assert link.is_symlink()
    assert target.read_text() == "whole"
    with written_whole(Path("/dev/null")) as partial:
        assert partial == Path("/dev/null")
