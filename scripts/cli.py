"""The `bankruptcy` command: collects the commands, and turns errors into messages and exit codes."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from scripts.commands import (
    console,
    data,
    model,
    monitor,
    operations,
    outcomes,
    pipeline,
    predict,
    promote,
    report,
    score,
    service,
)
from scripts.commands.local_aws import demo, drill, local, up
from scripts.errors import ScriptError, UsageError
from scripts.terminal.console import show_error
from scripts.terminal.options import Settings, settings_of, with_settings
from scripts.terminal.results import one_command, show_error_result

FAILED, WRONG_USE = 1, 2  # typer itself exits with 2 for unknown options, and with 130 on Ctrl-C


class Commands(TyperGroup):
    """The commands. Errors for the user end them with a message instead of a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with one_command():
            try:
                return super().invoke(ctx)
            except Exception as error:
                from scripts.aws.failures import explain

                known = error if isinstance(error, ScriptError) else explain(error)
                if known is None:
                    raise
                settings = settings_of(ctx)
                show_error(settings.complete(str(known)))
                show_error_result(known, settings.complete(known.hint))
                raise typer.Exit(WRONG_USE if isinstance(known, UsageError) else FAILED) from error


app = typer.Typer(
    name="bankruptcy",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may contain companies' figures
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(is_given: bool) -> None:
    if is_given:
        from importlib.metadata import version

        print(f"bankruptcy {version('bankruptcy-mlops')}")  # noqa: T201 - as other commands do
        raise typer.Exit


@app.callback()
@with_settings
def bankruptcy(
    _settings: Settings,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Train, approve, deploy and use a model of bankruptcy risk, on AWS or on this machine."""


for command in (demo.demo, up.up, service.deploy, service.destroy):
    app.command()(command)
for command in (operations.status, operations.pause, operations.resume, operations.rollback):
    app.command()(command)
app.command("test")(operations.check)
for command in (console.console, report.report, promote.promote, predict.predict, score.score):
    app.command()(command)
for group in (local, data, pipeline, model, monitor, outcomes, drill):
    app.add_typer(group.app)
