"""`bankruptcy drill`: rehearses incidents on local AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from scripts.aws.session import LOCAL_REGION, connect, use_local_aws
from scripts.terminal.console import plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from scripts.operate.drills.drift import DriftDrill
    from scripts.operate.drills.outcomes import OutcomesDrill
    from scripts.operate.drills.watched import Watched

app = typer.Typer(name="drill", no_args_is_help=True)


@app.callback()
@with_settings
def drill(_settings: Settings) -> None:
    """Rehearse incidents on local AWS."""


@app.command("bad-model")
@with_settings
@with_json
def bad_model(settings: Settings) -> None:
    """Deploy a version that fails, and watch how an alarm rolls it back; takes about a minute."""
    from scripts.operate.drills.bad_model import drill_bad_model

    done = drill_bad_model(settings.connect(), _show_event)

    def show_drill() -> None:
        show(
            f"Version {done.version} was rolled back after {done.seconds:.0f} s: {plain(done.reason)} "
            f"In that time the API answered {done.answered} requests, and {done.failed} failed."
        )
        _show_messages(done.messages)
        show(f"[bold]Version {done.champion} is in service.[/] Version {done.version} is rejected.")

    show_result({**vars(done), "seconds": round(done.seconds, 1)}, show_drill)


@app.command()
@with_json
def drift() -> None:
    """Shift one column of the companies, and watch how an alarm reports it; takes about a minute.

    Runs on a local AWS of its own, with sample data, and leaves nothing behind.
    """
    from scripts.operate.drills.drift import drill_drift

    with watched_service() as watched:
        done = drill_drift(watched)
    show_result({**vars(done), "seconds": round(done.seconds, 1)}, lambda: _show_drift(done))


@app.command()
@with_json
def outcomes() -> None:
    """Judge two versions by late outcomes, and watch how an alarm reports the bad one; takes about a minute.

    Runs on a local AWS of its own, with sample data, and leaves nothing behind.
    """
    from scripts.operate.drills.outcomes import drill_outcomes

    with watched_service() as watched:
        done = drill_outcomes(watched)
    show_result({**vars(done), "seconds": round(done.seconds, 1)}, lambda: _show_outcomes(done))


@contextmanager
def watched_service() -> Iterator[Watched]:
    """Run a local AWS with a service and a version that was trained on sample data, while the block runs."""
    from local_aws.base import clock
    from local_aws.server import LocalAws
    from scripts.operate.drills.watched import PROJECT, Watched

    with LocalAws(region=LOCAL_REGION) as server:
        use_local_aws(server.url, LOCAL_REGION)
        watched = Watched(connect(PROJECT), _show_event, clock.advance)
        watched.deploy()
        watched.train()
        yield watched


def _show_event(event: str) -> None:
    show(plain(event))


def _show_messages(subjects: Sequence[str]) -> None:
    for subject in subjects:
        show(f"message: {plain(subject)}")


def _show_drift(done: DriftDrill) -> None:
    show(
        f"\nSample data: the shift of {plain(repr(done.column))} was reported, and an alarm notified people. "
        "Once a person had accepted it as normal, it was no longer reported."
    )


def _show_outcomes(done: OutcomesDrill) -> None:
    from scripts.terminal.monitoring import show_realised

    show("\nRealised quality on sample data, with 95 % intervals:")
    show_realised(done.versions, done.outcomes)
