"""`bankruptcy promote`: copies a version to another project, perhaps in another account."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.aws.session import Aws, connect
from scripts.errors import UsageError
from scripts.terminal.console import plain, show
from scripts.terminal.options import Settings, with_settings
from scripts.terminal.results import show_result, with_json


@with_settings
@with_json
def promote(
    settings: Settings,
    version: Annotated[int | None, typer.Argument(help="Version. Default: the champion.")] = None,
    to_project: Annotated[
        str | None, typer.Option("--to-project", help="Project to copy it to. Default: the same name.")
    ] = None,
    to_profile: Annotated[
        str | None,
        typer.Option(
            "--to-profile", help="AWS profile with access to that project. Default: the same credentials."
        ),
    ] = None,
    to_region: Annotated[
        str | None, typer.Option("--to-region", help="Region of that project. Default: the same region.")
    ] = None,
    on: Annotated[
        Path | None,
        typer.Option("--on", metavar="FILE", help="Company file on which to compare it with the champion."),
    ] = None,
) -> None:
    """Copy a version, with its evaluation, to another project, where a person approves it.

    The target's champion stays in service until the copy is approved there.
    """
    from scripts.companies.company_file import read_companies
    from scripts.model.promotion import place_of
    from scripts.model.promotion import promote as promote_version
    from scripts.preview.comparison import preview
    from scripts.preview.versions import PreviewError, load_both
    from scripts.terminal.preview import show_preview

    if on is not None:
        read_companies(on)  # a file that can't be read is reported before anything is copied
    if to_profile is not None and settings.local:
        raise UsageError(
            "--to-profile and --local can't be used together.",
            "Give each local AWS a profile with its endpoint_url, and set AWS_PROFILE instead of --local.",
        )
    source = settings.connect()
    target = _connect_target(settings, source, to_project, to_profile, to_region)
    promotion = promote_version(source, target, version)
    number = promotion.copy["ModelPackageVersion"]
    comparison, obstacle = None, ""
    if on is not None:
        try:
            comparison = preview(*load_both(target, number), lambda: read_companies(on))
        except PreviewError as error:
            obstacle = error.problem

    def show_promotion() -> None:
        verb = "was copied to" if promotion.created else "had already been copied to"
        show(
            f"Version {promotion.source['ModelPackageVersion']} of {place_of(source)} {verb} "
            f"{place_of(target)} as [bold]version {number}[/]: {promotion.copy['ModelApprovalStatus']}."
        )
        there = Settings(target.project.name, target.project.region, settings.local)
        prefix = f"AWS_PROFILE={to_profile} " if to_profile else ""
        if comparison is not None:
            show_preview(comparison, None)
        elif obstacle:
            show(obstacle)
        else:
            command = there.command(f"model preview {number} --on FILE")
            show(f"Compare it with the champion:  {plain(prefix + command)}", wrap=False)
        if promotion.copy["ModelApprovalStatus"] != "Approved":
            approve = there.command(f"model approve {number} --wait")
            show(f"Approve it:  {plain(prefix + approve)}", wrap=False)

    places = {
        name: {"project": aws.project.name, "account": aws.project.account, "region": aws.project.region}
        for name, aws in (("source", source), ("target", target))
    }
    compared = {"preview": comparison.as_dict() if comparison else None}
    show_result({**promotion.as_dict(), **places, **compared}, show_promotion)


def _connect_target(
    settings: Settings, source: Aws, project: str | None, profile: str | None, region: str | None
) -> Aws:
    name, place = project or settings.project, region or source.project.region
    target = connect(name, local=settings.local, region=place, profile=profile)
    if target.project == source.project:
        raise UsageError(
            f"The target is the project {name} itself (account {target.project.account}, {place}).",
            "Name another with --to-project, --to-profile or --to-region.",
        )
    return target
