"""Runs one job as a child and sees to it that nothing of it outlives local AWS. Standard library only.

Started as the leader of the job's process group, with a pipe from local AWS as its standard input: when the
pipe closes, because local AWS has ended in whatever way, the whole group is killed.
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
    """Run `command`; return its exit code, negative for a signal as in `subprocess`."""
    children: list[subprocess.Popen[bytes]] = []
    terminations: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        """Tell the child alone, as a container's first process is told, and wait for it."""
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
    # 128 + n is how a shell reports the signal n.
    os._exit(code if code >= 0 else 128 - code)
