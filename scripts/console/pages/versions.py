"""The pages about versions: the list, and one version with the decision about it."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote
from typing import Any

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from scripts.aws.registry import ModelVersion, describe_version, list_versions, metadata_of
from scripts.console.reads import FOREVER, FRESH_SECONDS
from scripts.console.site import Route, Site, report_response
from scripts.deploy.endpoint import FAILED_REASON
from scripts.model.approval import set_approval
from scripts.model.archives import archive_uri
from scripts.model.contracts import champion_version
from scripts.model.effects import effect_of_approving, effect_of_rejecting
from scripts.model.figures import evaluation_of, figure_texts, metric_texts
from scripts.model.promotion import PROMOTED_FROM
from scripts.operate.reports import read_version_report

_PER_PAGE = 10
# In the list. A decision changes the key of a version, a failed deployment does not.
_SECONDS = 60.0
_DECISIONS = {"approve": "Approved", "reject": "Rejected"}


@dataclass(frozen=True)
class Found:
    """A version: its summary, its description in the registry, and its evaluation if it has one."""

    version: ModelVersion
    package: dict[str, Any]
    evaluation: dict[str, Any] | None

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the version."""
        return metadata_of(self.package)

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics of the selected candidate with their intervals, by label."""
        return dict(metric_texts(self.evaluation)) if self.evaluation else {}


def list_page(site: Site, request: Request) -> Response:
    """Show the versions, newest first."""
    page = max(1, request.args.get("page", 1, int))
    every = all_versions(site)
    shown = every[(page - 1) * _PER_PAGE : page * _PER_PAGE]
    return site.page(
        request,
        "versions.html",
        found=site.read_all(lambda each: _found(site, each, _SECONDS), shown),
        every=every,
        champion=_champion(site),
        page=page,
        pages=-(-len(every) // _PER_PAGE),
    )


def version_page(site: Site, request: Request, number: int) -> Response:
    """Show one version with its figures, the decision about it, and its report."""
    return _version_page(site, request, number)


def report(site: Site, _request: Request, number: int) -> Response:
    """Return the report that a version was registered with."""
    return report_response(read_version_report(site.aws, find(site, number).package))


def decide(site: Site, request: Request, number: int, decision: str) -> Response:
    """Approve or reject a version, with a note."""
    if decision not in _DECISIONS:
        raise NotFound(f"A version can't be {decision!r}.")
    note = request.form.get("note", "").strip()
    if not note:
        return _version_page(site, request, number, "Write a note: the reason for the decision is kept.")
    set_approval(site.aws, find(site, number).package, _DECISIONS[decision], note)
    return site.changed(f"/versions/{number}")


ROUTES: tuple[Route, ...] = (
    ("GET", "/versions", list_page),
    ("GET", "/versions/<int:number>", version_page),
    ("GET", "/versions/<int:number>/report.html", report),
    ("POST", "/versions/<int:number>/<decision>", decide),
)


def _version_page(site: Site, request: Request, number: int, problem: str = "") -> Response:
    found = find(site, number)
    champion = _champion(site)
    note = quote(request.form.get("note", "").strip() or "REASON")
    return site.page(
        request,
        "version.html",
        400 if problem else 200,
        found=found,
        problem_text=problem,
        failure=found.metadata.get(FAILED_REASON),
        promoted_from=found.metadata.get(PROMOTED_FROM),
        champion=champion,
        archive=archive_uri(found.package),
        figures=list(figure_texts(found.evaluation)) if found.evaluation else [],
        approval=site.reads.get(("approving", number), lambda: effect_of_approving(site.aws, found.package)),
        rejection=site.reads.get(("rejecting", number), lambda: effect_of_rejecting(site.aws, number)),
        lines={
            decision: site.commands.command(f"model {decision} {number} --note {note}")
            for decision in _DECISIONS
        },
    )


def all_versions(site: Site) -> tuple[ModelVersion, ...]:
    """Return the versions, newest first."""
    return site.reads.get("versions", lambda: list_versions(site.aws))


def find(site: Site, number: int | None) -> Found:
    """Return a version.

    Raises
    ------
    NotFound
        If there is no such version.
    """
    for each in all_versions(site):
        if each.version == number:
            return _found(site, each)
    raise NotFound(f"There is no version {number}." if number is not None else "Choose two versions.")


def _champion(site: Site) -> str | None:
    return site.reads.get("champion", lambda: champion_version(site.aws))


def _found(site: Site, version: ModelVersion, seconds: float = FRESH_SECONDS) -> Found:
    def read() -> Found:
        package = describe_version(site.aws, version.arn)
        # After the service was destroyed and deployed again, another version can have the same ARN.
        key = ("evaluation", version.arn, version.created)
        evaluation = site.reads.get(key, lambda: evaluation_of(site.aws, package), FOREVER)
        return Found(version, package, evaluation)

    return site.reads.get(("version", version.arn, version.approval), read, seconds)
