"""The command ends quietly when it is interrupted, however early."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# Prints a line when the command begins to import its own code. Until then, Python itself handles signals.
START = """
import sys
from scripts.entry import main

def show_start(event, details):
    if event == "import" and details[0] == "scripts.cli":
        print("ready", flush=True)

sys.addaudithook(show_start)
main()
"""


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


def test_output_works_where_the_terminal_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("Bankrupt?,Länge\n0,1\n", encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-c", START, "data", "describe", str(path)],
        capture_output=True,
        env={
            "HOME": str(tmp_path),
            "PATH": "",
            "PYTHONPATH": ":".join(sys.path),
            "PYTHONIOENCODING": "ascii",
        },
        check=False,
        timeout=60,
    )
    assert (process.returncode, process.stderr) == (0, b"")
    assert b"L?nge" in process.stdout


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


# Ways to lose the exception of an interruption, as Python and libraries do now and then.
LOSING = {
    "destructor": """
class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def lose():
    Dropped()
""",
    "weak reference": """
class Dropped:
    pass

def lose():
    dropped = Dropped()
    reference = weakref.ref(dropped, lambda _: signal.raise_signal(signal.SIGTERM))
    del dropped
""",
    "handler": """
def lose():
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException:
        pass
""",
}
GOES_ON = """
def command():
    lose()
    time.sleep(20)
    open(result, "w").close()
"""
RUN = """
import signal, sys, time, types, weakref
result = sys.argv[1]
{command}
sys.modules["scripts.cli"] = types.SimpleNamespace(app=lambda: sys.exit(command()))
from scripts.entry import main
main()
"""


def run(tmp_path: Path, command: str) -> int:
    """Run the command line with a command of Python code in place of the real ones; return its exit code."""
    code = RUN.format(command=command)
    return subprocess.run([sys.executable, "-c", code, str(tmp_path / "result")], check=False).returncode


@pytest.mark.parametrize("command", [GOES_ON, "command = lose"], ids=["goes on", "ends"])
@pytest.mark.parametrize("lose", LOSING.values(), ids=LOSING)
def test_an_interruption_that_gets_lost_still_ends_the_command(
    tmp_path: Path, lose: str, command: str
) -> None:
    started = time.monotonic()
    assert run(tmp_path, lose + command) == 130
    assert time.monotonic() - started < 15
    assert not (tmp_path / "result").exists()


def test_cleaning_up_after_an_interruption_is_not_interrupted_again(tmp_path: Path) -> None:
    command = """
import contextlib

def generator():
    try:
        yield
    finally:
        time.sleep(0.5)

@contextlib.contextmanager
def cleaned_up():
    try:
        yield
    finally:
        for _ in generator():
            time.sleep(0.5)
        with contextlib.closing(generator()) as started:
            next(started)
        open(result, "w").close()

def command():
    with cleaned_up():
        signal.raise_signal(signal.SIGINT)
"""
    assert run(tmp_path, command) == 130
    assert (tmp_path / "result").exists()
