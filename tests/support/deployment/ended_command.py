"""A command that is ended by a signal, in folders of its own, so that whatever it leaves can be found."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.common.cloud import BANKRUPTCY

PATIENCE = 60.0  # seconds for a command to clean up, and for its processes to end, on a busy machine
# Python itself ends with this code when a signal arrives before it runs the command's own code.
NOT_STARTED = 1


class EndedCommand:
    """A command that runs in its own folders, so that whatever it leaves can be found."""

    def __init__(self, root: Path, *arguments: str) -> None:
        self.scratch, self.home, self.work = root / "scratch", root / "home", root / "work"
        for folder in (self.scratch, self.home, self.work):
            folder.mkdir()
        self._command = [*BANKRUPTCY, *arguments]
        self._marker = f"TMPDIR={self.scratch}".encode()

    def start(self, **environment: str) -> subprocess.Popen[str]:
        own = {"TMPDIR": str(self.scratch), "BANKRUPTCY_HOME": str(self.home)}
        return subprocess.Popen(
            self._command,
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **environment: str) -> float:
        """Run it to its end, and return the seconds that it took."""
        started = time.monotonic()
        process = self.start(**environment)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return time.monotonic() - started

    def end(self, number: int, when: Callable[[], None], **environment: str) -> int:
        """Start it, send a signal once `when` returns, and return its exit code; check what it left."""
        process = self.start(**environment)
        when()
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)
        ended = process.returncode
        if "Traceback" in output:  # the signal arrived before Python ran the command's own code
            assert ", in main\n" not in output, output
            assert ended in {NOT_STARTED, -number}, output
        else:
            assert ended in {0, -number, 130}, output
        deadline = time.monotonic() + PATIENCE
        while self.processes():
            assert time.monotonic() < deadline, f"left: {self.processes()}"
            time.sleep(0.1)
        if number != signal.SIGKILL:
            self.check_folders()
        return ended

    def check_folders(self) -> None:
        """Check that no temporary folder or half-written file is left."""
        assert list(self.scratch.iterdir()) == []
        assert [path for path in (*self.home.rglob("*"), *self.work.iterdir()) if path.name[0] == "."] == []

    def processes(self) -> list[str]:
        """List the processes that the command has started and that still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._marker in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it has ended, or belongs to another user
        return found
