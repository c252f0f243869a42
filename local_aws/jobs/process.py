"""Starts the process of a processing or training job, logs its output, stops it and checks its exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_aws.base.processes import kill_group
from local_aws.jobs.background import GRACE_SECONDS
from local_aws.jobs.files import JobError, read_message

_TAIL_LINES = 5
_LONGEST_REASON = 900
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class ProcessRequest:
    """The command of a job, its working folder, and its environment."""

    command: list[str]
    folder: Path
    environment: dict[str, str]


class JobProcess:
    """A running job process, in its own process group.

    Parameters
    ----------
    request : ProcessRequest
        The process to start.
    log : callable
        Receives each line of output.
    """

    def __init__(self, request: ProcessRequest, log: Callable[[str], None]) -> None:
        self._log = log
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_SUPERVISOR), *request.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=request.folder,
            env=request.environment,
            start_new_session=True,
        )

    def wait(self) -> int:
        """Log the output until the process ends, kill its remaining children, and return its exit code."""
        try:
            reader = threading.Thread(target=self._read_output, daemon=True)
            reader.start()
            code = self._process.wait()
            # A process that the job left in the background can keep the pipe open.
            reader.join(1.0)
            if reader.is_alive():
                self.kill()
                reader.join(1.0)
        finally:
            # Background processes end with the job, as they do in a container.
            self.kill()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        return code

    def terminate(self) -> None:
        """Send SIGTERM to the process, and SIGKILL to its group if it does not end in time."""
        # The supervisor forwards the signal to the job's own process.
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill the process group."""
        kill_group(self._process.pid)

    def check(self, code: int, output: Path) -> None:
        """Raise JobError with the job's own reason if its exit code is not 0.

        Parameters
        ----------
        code : int
            Exit code; negative, or 128 + n, if the process was killed by signal n.
        output : Path
            Folder in which the job may have written the files `failure` and `message`.
        """
        if code == 0:
            return
        reason = read_message(output / "failure") or read_message(output / "message")
        number = -code if code < 0 else code - 128
        if not reason and number in set(signal.Signals):
            name = signal.Signals(number).name
            reason = f"The job's process was killed by signal {number} ({name})"
            code = 128 + number
        if not reason and self._tail:
            reason = f"The job gave no reason; its log ends with: {' | '.join(self._tail)}"
        reason = reason[:_LONGEST_REASON] or "The job wrote neither a reason nor a log"
        raise JobError(f"AlgorithmError: {reason.rstrip('.')}, exit code: {code}")

    def _read_output(self) -> None:
        for raw in self._process.stdout or ():
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line.strip():
                self._tail.append(line)
            self._log(line)
