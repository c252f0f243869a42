"""`bankruptcy model`: the model registry, where a person approves the version to deploy."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.errors import UsageError
from scripts.terminal.console import ask, console, plain, show, show_endpoint, show_facts, show_warning
from scripts.terminal.options import IdOption, Settings, with_settings
from scripts.terminal.output_file import check_output, written_file
from scripts.terminal.results import show_result, with_json

if TYPE_CHECKING:
    from scripts.model.contracts import ContractChange

app = typer.Typer(name="model", no_args_is_help=True)

VersionArgument = Annotated[int | None, typer.Argument(help="Version. Default: the newest.")]
NoteOption = Annotated[str, typer.Option("--note", help="Reason for the decision, stored in the registry.")]


@app.callback()
@with_settings
def model(_settings: Settings) -> None:
    """List, show, preview, download, approve and reject versions in the model registry."""


@app.command("list")
@with_settings
@with_json
def list_(settings: Settings) -> None:
    """List the versions, newest first."""
    from scripts.aws.registry import describe_version, list_versions
    from scripts.terminal.documents import version_summary
    from scripts.terminal.tables import versions_table

    aws = settings.connect()
    versions = [version_summary(each, describe_version(aws, each.arn)) for each in list_versions(aws)]

    def show_versions() -> None:
        if versions:
            console().print(versions_table(versions))
        else:
            start = settings.command("pipeline start --wait")
            show(f"No version yet. `{start}` registers one if it passes the gate.")

    show_result({"versions": versions}, show_versions)


@app.command("show")
@with_settings
@with_json
def show_(settings: Settings, version: VersionArgument = None) -> None:
    """Show a version: its approval, artefact, figures, comparison with the champion, and report."""
    from scripts.model.approval import find_version
    from scripts.model.figures import evaluation_of
    from scripts.terminal.documents import version_document
    from scripts.terminal.tables import package_facts

    aws = settings.connect()
    package = find_version(aws, version)
    evaluation = evaluation_of(aws, package)
    show_result(
        version_document(package, evaluation),
        lambda: show_facts(package_facts(package, evaluation)),
    )


@app.command()
@with_settings
@with_json
def preview(
    settings: Settings,
    on: Annotated[
        Path, typer.Option("--on", metavar="FILE", help="Company file, as for `bankruptcy predict`.")
    ],
    version: VersionArgument = None,
    keep: IdOption = None,
    page: Annotated[Path | None, typer.Option(help="HTML file to write.")] = None,
) -> None:
    """Compare a version with the champion on a company file, before approving it.

    Both models run on this machine; nothing in their archives is executed.
    """
    from scripts.companies.company_file import read_companies
    from scripts.preview.comparison import preview as compare
    from scripts.preview.versions import load_both
    from scripts.terminal.preview import show_preview

    if page is not None:
        check_output(page, on)
    champion, candidate = load_both(settings.connect(), version)
    # The page is opened first, so that one that can't be written is reported before the comparison.
    with written_file(page) if page is not None else nullcontext() as stream:
        result = compare(champion, candidate, lambda: read_companies(on, keep))
        if stream is not None:
            from scripts.preview.page import render

            stream.write(render(result, on.name))
    show_result(result.as_dict(), lambda: show_preview(result, page))


@app.command()
@with_settings
@with_json
def download(
    settings: Settings,
    version: VersionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File to write. Default: PROJECT-VERSION.tar.gz (.joblib with --joblib)."
        ),
    ] = None,
    joblib: Annotated[
        bool,
        typer.Option("--joblib", help="Only the scikit-learn pipeline, a pickle. Loading it executes code."),
    ] = False,
) -> None:
    """Download the archive of a version, if it is still the evaluated one; nothing in it is executed."""
    from scripts.model.approval import find_version
    from scripts.model.archives import download_archive, download_audit_copy

    aws = settings.connect()
    package = find_version(aws, version)
    number = package["ModelPackageVersion"]
    suffix = ".joblib" if joblib else ".tar.gz"
    path = output or Path(f"{settings.project}-{number}{suffix}")
    if joblib:
        download_audit_copy(aws, package, path)
    else:
        download_archive(aws, package, path)
    text = f"Version {number} is saved as [bold]{plain(str(path))}[/]."
    show_result({"version": number, "file": path}, lambda: show(text, wrap=False))
    if joblib:
        show_warning(
            "This file is a pickle: loading it executes code that it contains. Load it only if you trust "
            "everyone who can write to the bucket (docs/model-at-home.md)."
        )


@app.command()
@with_settings
@with_json
def approve(
    settings: Settings,
    version: VersionArgument = None,
    note: NoteOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the version is in service.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask, even if columns change for clients.")
    ] = False,
) -> None:
    """Approve a version, which starts its deployment."""
    from scripts.deploy.waiting import Waiting
    from scripts.model.approval import find_version, set_approval, wait_until_served
    from scripts.model.contracts import contract_change

    aws = settings.connect()
    package = find_version(aws, version)
    number = package["ModelPackageVersion"]
    if version is None and package["ModelApprovalStatus"] == "Rejected":
        raise UsageError(
            f"The newest version, {number}, is rejected.",
            f"To approve it all the same, name it: `bankruptcy model approve {number}`.",
        )
    change = contract_change(aws, package)
    if change is not None:
        _show_change(number, change)
        if not yes and not ask("Approve it?"):
            raise typer.Abort
    set_approval(aws, package, "Approved", note)
    text = f"Version {number} is approved; its deployment has been requested."
    if wait:
        show(text)
        wait_until_served(aws, number, Waiting(show_endpoint))
        text = f"Version {number} is in service on the endpoint [bold]{aws.project.endpoint}[/]."
    show_result({"version": number, "approval": "Approved", "in_service": wait}, lambda: show(text))


@app.command()
@with_settings
@with_json
def reject(
    settings: Settings,
    version: VersionArgument = None,
    note: NoteOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even if it is in service.")] = False,
) -> None:
    """Reject a version; if it is in service, the newest approved version replaces it."""
    from scripts.model.approval import find_version, set_approval
    from scripts.model.effects import effect_of_rejecting

    aws = settings.connect()
    package = find_version(aws, version)
    number = package["ModelPackageVersion"]
    effect = effect_of_rejecting(aws, number)
    for text in effect.texts:
        show(f"[yellow]{text}[/]")
    if effect.in_service and not yes and not ask("Reject it?"):
        raise typer.Abort
    set_approval(aws, package, "Rejected", note)
    document = {"version": number, "approval": "Rejected"}
    show_result(document, lambda: show(f"Version {number} is rejected."))


def _show_change(version: int, change: ContractChange) -> None:
    """Show which columns change, and what that means for clients."""
    show(f"[yellow]Version {version} has other columns than the champion, version {change.champion}:[/]")
    for colour, word, names in (("red", "removed", change.removed), ("green", "added  ", change.added)):
        for name in names:
            show(f"  [{colour}]{word}[/]  {plain(name)}")
    if change.moved is not None:
        position, name = change.moved
        show(f"  [cyan]moved[/]    positions change from {position} on: it is now {plain(repr(name))}")
    show(change.consequence)
