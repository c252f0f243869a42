"""`bankruptcy drill`: rehearses incidents on local AWS."""

from __future__ import annotations

import typer

from scripts.terminal.console import plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json

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
    from scripts.operate.drill import drill_bad_model

    done = drill_bad_model(settings.connect(), lambda event: show(plain(event)))

    def show_drill() -> None:
        show(
            f"Version {done.version} was rolled back after {done.seconds:.0f} s: {plain(done.reason)} "
            f"In that time the API answered {done.answered} requests, and {done.failed} failed."
        )
        for subject in done.messages:
            show(f"message: {plain(subject)}")
        show(f"[bold]Version {done.champion} is in service.[/] Version {done.version} is rejected.")

    show_result({**vars(done), "seconds": round(done.seconds, 1)}, show_drill)
