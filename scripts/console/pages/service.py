"""The pages about the service: endpoint, champion, alarms, cost, deployments; pause and resume."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from pipeline.parameters import WAITING
from scripts.console.pages.versions import all_versions
from scripts.console.site import Route, Site
from scripts.deploy.endpoint import MOVING, read_endpoint
from scripts.operate.deployments import DAYS, read_deployments
from scripts.operate.pausing import pause as pause_service
from scripts.operate.pausing import resume as resume_service
from scripts.operate.status import Alarm, Status, read_alarms, read_status
from scripts.operate.words import cost_texts, endpoint_text

_EVENTS = 50  # on a page


def page(site: Site, request: Request) -> Response:
    """Show the state of the service."""
    # At the same time: they take a dozen requests. Below, each has been read.
    site.read_all(lambda read: read(site), (_status, _alarms, all_versions))
    status = _status(site)
    operation = site.operations.last
    return site.page(
        request,
        "service.html",
        service=status,
        endpoint=endpoint_text(status.endpoint).splitlines(),
        cost=None if status.cost is None else cost_texts(status.cost),
        waiting=[each for each in all_versions(site) if each.approval == WAITING],
        failures=[each for each in status.packages if each.failure],
        operation=operation,
        alarms=_alarms(site),
        changes=_changes(status) or (operation is not None and operation.runs),
    )


def deployments_page(site: Site, request: Request) -> Response:
    """Show the history of the endpoint, newest first."""
    events = site.reads.get("deployments", lambda: read_deployments(site.aws))
    return site.page(
        request,
        "deployments.html",
        events=events[:_EVENTS],
        total=len(events),
        days=DAYS,
        changes=site.reads.get("endpoint", lambda: read_endpoint(site.aws)).status in MOVING,
    )


def pause(site: Site, _request: Request) -> Response:
    """Pause the service."""

    def work() -> str:
        existed = pause_service(site.aws)
        return f"The service is paused; {'its endpoint is deleted' if existed else 'it had no endpoint'}."

    site.operations.start("Pausing the service", work)
    return site.changed("/service")


def resume(site: Site, _request: Request) -> Response:
    """Resume the service."""

    def work() -> str:
        version = resume_service(site.aws)
        if version is None:
            return "The service is not paused. The first version that is approved will be deployed."
        return f"Version {version} is in service."

    site.operations.start("Resuming the service", work)
    return site.changed("/service")


ROUTES: tuple[Route, ...] = (
    ("GET", "/service", page),
    ("GET", "/service/deployments", deployments_page),
    ("POST", "/service/pause", pause),
    ("POST", "/service/resume", resume),
)


def _status(site: Site) -> Status:
    # The page shows the alarms that it reads itself.
    return site.reads.get("status", lambda: read_status(site.aws, alarms=()))


def _alarms(site: Site) -> tuple[Alarm, ...]:
    return site.reads.get("alarms", lambda: read_alarms(site.aws))


def _changes(status: Status) -> bool:
    """Return whether the endpoint is changing, or will soon, because the approved version is not served."""
    if status.endpoint.status in MOVING:
        return True
    newest = next((each for each in status.packages if each.is_approved), None)
    if newest is None or newest.failure or status.paused:
        return False
    return {status.endpoint.version, status.champion_version} != {str(newest.version)}
