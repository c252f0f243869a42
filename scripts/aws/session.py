"""Which project, which account, which endpoint: what every command needs before its first call."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scripts.terminal.console import fail

if TYPE_CHECKING:
    import boto3

    from pipeline.project import Project

LOCAL_PORT = 4600
LOCAL_REGION = "eu-west-1"
LOCAL_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}

ProjectOption = Annotated[
    str,
    typer.Option("--project", envvar="BANKRUPTCY_PROJECT", help="Name that everything of the project bears."),
]
LocalOption = Annotated[
    bool, typer.Option("--local", help=f"Use local AWS on 127.0.0.1:{LOCAL_PORT} (or set AWS_ENDPOINT_URL).")
]
RegionOption = Annotated[
    str | None, typer.Option("--region", help="AWS region; default: that of your AWS configuration.")
]
DEFAULT_PROJECT = "bankruptcy"
# The options that `connect` was given, for the commands that messages name.
_given: list[str] = []


@dataclass(frozen=True)
class Aws:
    """A boto3 session together with the project's names in its account and region."""

    session: boto3.Session
    project: Project

    def client(self, service: str) -> Any:
        """Return a boto3 client of the session."""
        make: Any = self.session.client  # typed as one overload for each service
        return make(service)

    @property
    def is_local(self) -> bool:
        """Whether calls go to local AWS."""
        return "AWS_ENDPOINT_URL" in os.environ


def command(words: str) -> str:
    """Return ``bankruptcy <words>`` with the project, account and region of the command that runs.

    Without its ``--local`` a command that a person copies would act on a real account.
    """
    return " ".join(["bankruptcy", words, *_given])


def connect(project: str, *, local: bool = False, region: str | None = None) -> Aws:
    """Resolve credentials, region and account.

    Raises
    ------
    typer.Exit
        After a message, when there are no credentials, no region, or nothing answers.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

    from pipeline.project import Project

    _remember(project, local=local, region=region)
    if local:
        use_local_aws(f"http://127.0.0.1:{LOCAL_PORT}", region)
    session = boto3.Session(region_name=region)
    if session.region_name is None:
        fail(
            "No AWS region is set. Pass --region, or set AWS_DEFAULT_REGION, for example eu-west-1; "
            "or pass --local for this machine."
        )
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        if "AWS_ENDPOINT_URL" in os.environ:
            # Its text is no more than the address again.
            why = "" if isinstance(error, EndpointConnectionError) else f": {error}".rstrip(".")
            fail(
                f"Local AWS does not answer at {os.environ['AWS_ENDPOINT_URL']}{why}. "
                "Start it with `bankruptcy local start`."
            )
        fail(
            f"AWS did not say which account this is: {error}. "
            "Sign in with `aws configure sso` or set AWS_PROFILE; or pass --local to stay on this machine."
        )
    try:
        named = Project(project, account, session.region_name)
    except ValueError as error:
        fail(str(error))
    return Aws(session, named)


def _remember(project: str, *, local: bool, region: str | None) -> None:
    _given.clear()
    if project != os.environ.get("BANKRUPTCY_PROJECT", DEFAULT_PROJECT):
        _given.extend(["--project", project])
    if local:
        _given.append("--local")
    if region is not None:
        _given.extend(["--region", region])


def use_local_aws(url: str, region: str | None = None) -> None:
    """Point this process, and what it starts, at local AWS."""
    os.environ["AWS_ENDPOINT_URL"] = url
    os.environ.update(LOCAL_CREDENTIALS)
    os.environ.pop("AWS_PROFILE", None)
    os.environ["AWS_DEFAULT_REGION"] = region or os.environ.get("AWS_DEFAULT_REGION", LOCAL_REGION)
