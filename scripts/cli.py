"""The `bankruptcy` command: registers the groups of commands, one module each."""

from __future__ import annotations

import typer

from scripts.commands import data, demo, local, model, operations, pipeline, predict, score, service

app = typer.Typer(
    name="bankruptcy",
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
app.command()(predict.predict)
app.command()(score.score)


def main() -> None:
    """Run the command line."""
    app()
