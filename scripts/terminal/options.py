"""The options that commands share: project, region and local AWS, data, and parameters."""

import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.aws import session
from scripts.aws.session import LOCAL_PORT, Aws
from scripts.errors import UsageError

DEFAULT_PROJECT = "bankruptcy"
_PROJECT_HELP = f"Name of the project. Default: BANKRUPTCY_PROJECT, or {DEFAULT_PROJECT}."
_REGION_HELP = "AWS region. Default: the region of your AWS configuration."
_LOCAL_HELP = f"Use local AWS: at AWS_ENDPOINT_URL if set, otherwise on 127.0.0.1:{LOCAL_PORT}."

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Data file (.csv, .csv.gz, .csv.xz or .zip). Default: the downloaded UCI file."
    ),
]
DataArgument = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Data file; the same as --data.")]
IdOption = Annotated[
    list[str] | None,
    typer.Option(
        "--id",
        help="Column to copy to the result; can be repeated. Default: firm_id, or else the first column "
        "unless it is a ratio or the target.",
    ),
]


UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="BANKRUPTCY_API_URL",
        help="Address of the API, for clients without AWS credentials. Default: the project's API.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="BANKRUPTCY_API_KEY", help="API key for --url; none if the API needs none."),
]


def chosen_data(argument: Path | None, option: Path | None) -> Path | None:
    """Return the data file from the argument or the option; raise a UsageError if both are given."""
    if argument is not None and option is not None:
        raise UsageError(f"The data file is given twice: {argument} and --data {option}.", "Give it once.")
    return option if argument is None else argument


@dataclass
class Settings:
    """The project, the region and whether to use local AWS, as given on the command line.

    The command line keeps one object of this class in its context.
    """

    given_project: str | None = None
    region: str | None = None
    local: bool = False

    @property
    def project(self) -> str:
        """Name of the project."""
        return self.given_project or _default_project()

    def connect(self) -> Aws:
        """Connect to AWS; see `scripts.aws.session.connect`."""
        return session.connect(self.project, local=self.local, region=self.region)

    def command(self, words: str) -> str:
        """Return the command line of a command, with the options that were given.

        Without ``--local``, a user who copies the command would change a real account.
        """
        options = []
        if self.project != _default_project():
            options += ["--project", self.project]
        if self.local:
            options.append("--local")
        if self.region is not None:
            options += ["--region", self.region]
        return " ".join(["bankruptcy", words, *options])

    def complete(self, text: str) -> str:
        """Add the given options to each command in backquotes, except those that don't take them."""
        return re.sub(r"`bankruptcy (?!local )([^`]*)`", lambda match: f"`{self.command(match[1])}`", text)

    def update(self, project: str | None, region: str | None, *, local: bool) -> None:
        """Set the given options; those after the command's name take precedence."""
        self.given_project = project or self.given_project
        self.region = region or self.region
        self.local = local or self.local


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --project, --region and --local to a command or group.

    Parameters
    ----------
    command
        A function whose first parameter takes the `Settings`; the others are options as usual.
    """

    @wraps(command)
    def run(ctx: typer.Context, project: str | None, region: str | None, local: bool, **options: Any) -> Any:
        settings = settings_of(ctx)
        settings.update(project, region, local=local)
        return command(settings, **options)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    context, *shared = inspect.signature(_shared_options, eval_str=True).parameters.values()
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (context, *own, *shared)]
    # typer reads the options from these two attributes.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _option(name: str, text: str) -> Any:
    return typer.Option(name, help=text, rich_help_panel="Where to work (before or after the command's name)")


def _shared_options(
    ctx: typer.Context,
    project: Annotated[str | None, _option("--project", _PROJECT_HELP)] = None,
    region: Annotated[str | None, _option("--region", _REGION_HELP)] = None,
    local: Annotated[bool, _option("--local", _LOCAL_HELP)] = False,
) -> None:
    """Declare the options that `with_settings` adds."""


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings in a context."""
    return ctx.ensure_object(Settings)


def parse_parameters(options: Sequence[str] | None, example: str) -> dict[str, str]:
    """Split options of the form Name=Value.

    Raises
    ------
    UsageError
        If one has no equals sign, or a name is given twice; the message shows the example.
    """
    parameters: dict[str, str] = {}
    for option in options or ():
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter takes Name=Value, for example {example}; given: {option!r}.")
        if name in parameters:
            raise UsageError(
                f"--parameter {name} is given twice: {parameters[name]!r} and {value!r}. Give it once."
            )
        parameters[name] = value
    return parameters


def _default_project() -> str:
    return os.environ.get("BANKRUPTCY_PROJECT") or DEFAULT_PROJECT
