"""Ends demo, score and deploy at random moments: `make test-signals`.

Each of SIGKILL, SIGTERM and SIGINT ends each command at SIZE moments, drawn with SEED. Linux only, because it
looks for left processes in /proc.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.campaign import SEED, size
from support.separate_aws import SeparateAws, separate_aws, write_portfolio

from benchmarks.common.cloud import BANKRUPTCY
from scripts.aws.session import connect
from scripts.deploy.deployment import deploy

MOMENTS = size(20)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 60.0  # seconds for a command to clean up, and for orphans to end, on a busy machine
FEATURES = [f"ratio {number}" for number in range(20)]
COMPANIES = 20_000
# Python itself ends with this code when a signal arrives before it runs the command's own code.
NOT_STARTED = 1


class Command:
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
            [*self._command],
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

    def end(self, moment: float, number: int, **environment: str) -> int:
        """Start it, send a signal after `moment` seconds, and return its exit code; check what it left."""
        process = self.start(**environment)
        time.sleep(moment)
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE)
        ended = process.returncode
        if ended != NOT_STARTED:
            assert "Traceback" not in output, output
        allowed = {0, -number} if number == signal.SIGKILL else {0, 130, -number, NOT_STARTED}
        assert ended in allowed, output
        deadline = time.monotonic() + PATIENCE
        while self.processes():
            assert time.monotonic() < deadline, f"left after {moment:.2f} s: {self.processes()}"
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
                if self._marker in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue  # it has ended, or belongs to another user
        return found


def moments(whole: float) -> Iterator[tuple[int, float]]:
    """Yield signals with moments of a command that takes `whole` seconds."""
    generator = random.Random(SEED)
    for _ in range(MOMENTS):
        for number in SIGNALS:
            yield number, generator.uniform(0, whole)


def report(name: str, codes: Counter[tuple[str, int]]) -> None:
    counts = ", ".join(f"{count} × {number} → {code}" for (number, code), count in sorted(codes.items()))
    sys.stderr.write(f"\n{name}: {counts}\n")


@pytest.fixture(scope="module")
def separate() -> Iterator[SeparateAws]:
    with separate_aws("signals") as deployed:
        yield deployed


def test_demo(tmp_path: Path) -> None:
    command = Command(tmp_path, "demo")
    codes: Counter[tuple[str, int]] = Counter()
    for number, moment in moments(command.run()):
        codes[signal.Signals(number).name, command.end(moment, number)] += 1
    command.run()
    command.check_folders()
    reports = [path.read_bytes() for path in command.home.rglob("*.html")]
    assert all(page.rstrip().endswith(b"</html>") for page in reports)
    report("demo", codes)


def test_score(separate: SeparateAws, tmp_path: Path) -> None:
    separate.serve_model(tmp_path, FEATURES)
    portfolio = tmp_path / "portfolio.csv"
    write_portfolio(portfolio, FEATURES, COMPANIES, SEED)
    target = tmp_path / "work" / "result.csv"
    command = Command(tmp_path, "score", str(portfolio), str(target))
    project = {"BANKRUPTCY_PROJECT": "signals"}
    whole = command.run(**project)
    result = target.read_bytes()
    codes: Counter[tuple[str, int]] = Counter()
    for number, moment in moments(whole):
        target.unlink(missing_ok=True)
        ended = command.end(moment, number, **project)
        codes[signal.Signals(number).name, ended] += 1
        # A signal can arrive when the result has just been written.
        assert target.read_bytes() == result if target.exists() else ended != 0
    command.run(**project)
    command.check_folders()
    assert target.read_bytes() == result
    report("score", codes)


@pytest.mark.usefixtures("separate")
def test_deploy(tmp_path: Path) -> None:
    command = Command(tmp_path, "deploy", "--yes")
    codes: Counter[tuple[str, int]] = Counter()
    for count, (number, moment) in enumerate(moments(command.run(BANKRUPTCY_PROJECT="whole"))):
        project = f"ended-{count}"
        codes[signal.Signals(number).name, command.end(moment, number, BANKRUPTCY_PROJECT=project)] += 1
        aws = connect(project)
        deploy(aws, confirm=lambda _: True)
        assert not deploy(aws, confirm=lambda _: True).changed
    command.check_folders()
    report("deploy", codes)
