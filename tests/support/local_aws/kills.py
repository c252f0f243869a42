"""Kills the functions and containers of the local AWS that runs in this process."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

CONTAINER = "model_server.py"
PREDICT_API = "awslambdaric predict_api"
DEPLOY_MODEL = "awslambdaric deploy_model"


def children(program: str) -> list[int]:
    """Return the process ids of this process's children that run a program."""
    # -ww, because ps cuts lines at the width in COLUMNS.
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, parent, command in lines if int(parent) == os.getpid() and program in command]


def kill(program: str, count: int | None = None) -> int:
    """Kill up to `count` children that run a program, or all; return how many were killed."""
    killed = 0
    for pid in children(program)[:count]:
        # It can have ended since it was listed.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    return killed
