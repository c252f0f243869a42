"""The parent of a job's process: kills the job when local AWS ends. Standard library only.

Local AWS starts this file as the leader of the job's process group, with a pipe as standard input. When local
AWS ends, even if it is killed, the pipe closes and the supervisor kills the whole group.
"""

import os
import signal
import subprocess
import sys
import threading


def _kill_group_when_orphaned() -> None:
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """Run `command` and return its exit code, negative for a signal as in `subprocess`."""
    children: list[subprocess.Popen[bytes]] = []
    terminations: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        """Forward the signal to the child only, as a container runtime signals its first process."""
        terminations.append(number)
        for each in children:
            each.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    threading.Thread(target=_kill_group_when_orphaned, daemon=True).start()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    children.append(child)
    if terminations:
        child.terminate()
    return child.wait()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # A shell reports signal n as 128 + n.
    os._exit(code if code >= 0 else 128 - code)
