"""The `bankruptcy` command: registers the groups of commands, one module each."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from scripts.commands import data, demo, local, model, operations, pipeline, predict, report, score, service
from scripts.terminal.console import fail


class Commands(TyperGroup):
    """The commands; what AWS refuses is told as an error, not as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            from scripts.aws.failures import explain

            told = explain(error)
            if told is None:
                raise
            fail(told)


app = typer.Typer(
    name="bankruptcy",
    cls=Commands,
    help="Bankruptcy risk of companies: train, approve, deploy and ask, on AWS or on this machine.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals may hold companies' figures
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.add_typer(local.app, name="local")
app.command()(service.deploy)
app.command()(service.destroy)
app.command()(operations.status)
app.command()(operations.pause)
app.command()(operations.resume)
app.command("test")(operations.try_out)
app.add_typer(data.app, name="data")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(model.app, name="model")
app.command()(report.report)
app.command()(predict.predict)
app.command()(score.score)


def main() -> None:
    """Run the command line."""
    app()
