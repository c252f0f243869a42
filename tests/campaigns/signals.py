"""Ends demo, score and deploy at random moments: `make test-signals`.

Each of SIGKILL, SIGTERM and SIGINT ends each command at SIZE moments, drawn with SEED. Linux only, because
processes that are left are looked for in /proc.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.campaign import SEED, size
from support.deployment.ended_command import EndedCommand
from support.local_aws.separate import SeparateAws, separate_aws, write_portfolio

from scripts.aws.session import connect
from scripts.deploy.deployment import deploy

MOMENTS = size(20)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
FEATURES = [f"ratio {number}" for number in range(20)]
COMPANIES = 20_000


def moments(whole: float) -> Iterator[tuple[int, float]]:
    """Yield signals with moments of a command that takes `whole` seconds."""
    generator = random.Random(SEED)
    for _ in range(MOMENTS):
        for number in SIGNALS:
            yield number, generator.uniform(0, whole)


def sleep(seconds: float) -> Callable[[], None]:
    return lambda: time.sleep(seconds)


def report(name: str, codes: Counter[tuple[str, int]]) -> None:
    counts = ", ".join(f"{count} × {number} → {code}" for (number, code), count in sorted(codes.items()))
    sys.stderr.write(f"\n{name}: {counts}\n")


@pytest.fixture(scope="module")
def separate() -> Iterator[SeparateAws]:
    with separate_aws("signals") as deployed:
        yield deployed


def test_demo(tmp_path: Path) -> None:
    command = EndedCommand(tmp_path, "demo")
    codes: Counter[tuple[str, int]] = Counter()
    for number, moment in moments(command.run()):
        codes[signal.Signals(number).name, command.end(number, sleep(moment))] += 1
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
    command = EndedCommand(tmp_path, "score", str(portfolio), str(target))
    project = {"BANKRUPTCY_PROJECT": "signals"}
    whole = command.run(**project)
    result = target.read_bytes()
    codes: Counter[tuple[str, int]] = Counter()
    for number, moment in moments(whole):
        target.unlink(missing_ok=True)
        ended = command.end(number, sleep(moment), **project)
        codes[signal.Signals(number).name, ended] += 1
        # A signal can arrive when the result has just been written.
        assert target.read_bytes() == result if target.exists() else ended != 0
    command.run(**project)
    command.check_folders()
    assert target.read_bytes() == result
    report("score", codes)


@pytest.mark.usefixtures("separate")
def test_deploy(tmp_path: Path) -> None:
    command = EndedCommand(tmp_path, "deploy", "--yes")
    codes: Counter[tuple[str, int]] = Counter()
    for count, (number, moment) in enumerate(moments(command.run(BANKRUPTCY_PROJECT="whole"))):
        project = f"ended-{count}"
        codes[
            signal.Signals(number).name, command.end(number, sleep(moment), BANKRUPTCY_PROJECT=project)
        ] += 1
        aws = connect(project)
        deploy(aws, confirm=lambda _: True)
        assert not deploy(aws, confirm=lambda _: True).changed
    command.check_folders()
    report("deploy", codes)
