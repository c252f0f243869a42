"""Reads memory and computing time of other processes from /proc (Linux); elsewhere they count as 0."""

from __future__ import annotations

import os
from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the process ids of a process's direct children."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for task in tasks for number in task.read_text().split()]


def cpu_seconds(pid: int, *, with_children: bool = False) -> float:
    """Return the CPU seconds of a process, optionally with those of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if with_children else 13])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> int:
    """Return the memory that a process holds now."""
    return _status_mib(pid, "VmRSS:")


def peak_mib(pid: int) -> int:
    """Return the most memory that a process has held."""
    return _status_mib(pid, "VmHWM:")


def session_mib(session: int) -> int:
    """Return the memory of all processes of a session; shared pages count once."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, can hold anything; the session is the fourth field after it.
            if int(stat.read_text().rpartition(")")[2].split()[3]) != session:
                continue
            lines = (stat.parent / "smaps_rollup").read_text().splitlines()
        except (OSError, ValueError, IndexError):
            continue  # the process has ended since
        total += next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
    return total // 2**10


def _status_mib(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 2**10 for line in lines if line.startswith(field)), 0)
