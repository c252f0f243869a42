"""The command ends quietly when it is interrupted, however early."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

START = "from scripts.entry import main; print('ready', flush=True); main()"


def start(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command; return once its own code runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.15, 0.3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_early_interruption_shows_no_traceback(tmp_path: Path, number: int, seconds: float) -> None:
    process = start(tmp_path, "local", "start", "--port", "4699")
    time.sleep(seconds)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert process.returncode in {0, 130}
    assert list(tmp_path.glob("local-aws-*")) == []
