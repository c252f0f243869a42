"""The console's page about the service, over local AWS."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from support.console import Visitor, text_of
from support.local_aws.account import local_text
from support.local_aws.cloud import eventually
from support.local_aws.environment import locally, point_at
from support.models.small import register_folder, write_small_model

from local_aws.server import LocalAws
from pipeline.jobs import sklearn_image
from scripts.aws.session import Aws, connect
from scripts.console.operations import Operations
from scripts.deploy.deployment import deploy
from scripts.errors import ScriptError
from scripts.model.approval import wait_until_served
from steps.dataset.columns import RATIOS

PROJECT = "console"
PATHS = (
    "/executions",
    "/executions/start",
    "/versions",
    "/versions/1",
    "/service",
    "/service/deployments",
    "/service/monitoring",
    "/service/outcomes",
)


@pytest.fixture
def aws(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    """A deployed service with version 1, which waits for approval."""
    with locally(local_aws):
        deploy(connect(PROJECT), confirm=lambda _: True)
    point_at(local_aws, monkeypatch)
    found = connect(PROJECT)
    write_small_model(tmp_path / "model", RATIOS[:20], seed=1)
    register_folder(found, tmp_path / "model", image=sklearn_image(found.project.region))
    return found


@pytest.mark.parametrize("place", ["an account"], indirect=True)
def test_the_service_is_approved_paused_and_resumed(aws: Aws, local_aws: LocalAws) -> None:
    visitor = Visitor(aws)
    shown = visitor.page("/service")
    assert "Service not in service" in shown
    assert "champion none yet endpoint none" in shown
    assert "approval Version 1 , created" in shown
    assert "No version is in service yet Approve a version" in visitor.page("/try")
    # WHEN the version is approved
    visitor.post("/versions/1/approve", {"note": "The first"})
    # The page polls until the version is in service.
    assert "Approved, but not the champion yet." in visitor.page("/versions/1")
    assert "hx-trigger" in visitor.get("/service").text
    wait_until_served(aws, 1)
    visitor.site.reads.forget()
    assert "hx-trigger" not in visitor.get("/service").text
    assert "not the champion yet" not in visitor.page("/versions/1")
    shown = visitor.page("/service")
    assert "Service in service Now Deployments Monitoring Outcomes Pause" in shown
    assert "champion Version 1 endpoint InService, version 1, " in shown
    assert "wait for approval None." in shown
    assert re.search(r"Cost .*\. Not included: ", shown)
    check_alarms(aws, visitor)
    check_places(visitor, local_aws)
    # and the service paused from the page
    assert visitor.post("/service/pause").location == "/service"

    def says(text: str) -> bool:
        visitor.site.reads.forget()
        return text in visitor.page("/service")

    eventually(lambda: says("The service is paused; its endpoint is deleted."))
    assert says("Service paused Now Deployments Monitoring Outcomes Resume")
    assert "hx-trigger" not in visitor.get("/service").text
    # and the deployments tell what happened, newest first
    happened = visitor.page("/service/deployments")
    assert re.search(
        r"ended The endpoint is being deleted. The endpoint is paused. .*"
        r"in service Version 1 is in service and the champion. .*"
        r"started An endpoint with version 1 is being created.",
        happened,
    )
    assert "<form" not in Visitor(aws, read_only=True).get("/service").text
    # THEN it can be resumed
    assert visitor.post("/service/resume").status_code == 303
    eventually(lambda: says("Version 1 is in service."))
    assert says("Service in service Now")


def check_alarms(aws: Aws, visitor: Visitor) -> None:
    """Check that an alarm is shown with its section of the runbook."""
    name = f"{PROJECT}-endpoint-errors"
    assert f"Alarm {name}" not in visitor.page("/service")
    set_state = aws.client("cloudwatch").set_alarm_state
    set_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    visitor.site.reads.forget()
    shown = visitor.page("/service")
    assert f"Alarm {name} The model's container failed on a request." in shown
    assert 'See "Alarm endpoint-errors" in docs/runbook.md.' in shown
    set_state(AlarmName=name, StateValue="OK", StateReason="a test")


def check_places(visitor: Visitor, local_aws: LocalAws) -> None:
    """Check that a console that takes the account for local AWS only shows another place and cost."""
    visitor.site.reads.forget()
    pages = [visitor.page(path) for path in PATHS]
    with locally(local_aws):
        local_visitor = Visitor(connect(PROJECT))
        local_pages = [local_visitor.page(path) for path in PATHS]
    for page, local_page in zip(pages, local_pages, strict=True):
        assert "account 123456789012, eu-west-1" in page
        assert "local AWS, eu-west-1" in local_page
        assert common(local_text(local_aws, page)) == common(local_page)


def common(page: str) -> str:
    """Return the text of a page without the place and the cost."""
    page = re.sub(r"(local AWS|account \d{12}), ", "", page)
    return re.sub(r" Cost .*? Versions that wait", "", page)


@pytest.mark.parametrize("path", ["/service", "/try"])
def test_without_a_service_the_page_says_what_to_do(registry: Aws, path: str) -> None:
    answer = Visitor(registry).get(path)
    assert answer.status_code == 400
    assert "Run `bankruptcy deploy --local` first." in text_of(answer)


def test_one_operation_runs_at_a_time_and_its_error_is_kept() -> None:
    operations, go = Operations(), threading.Event()

    def work() -> str:
        go.wait(10)
        raise ScriptError("It went wrong.", "Try again.")

    operations.start("Pausing", work)
    with pytest.raises(ScriptError, match="Pausing has not ended yet"):
        operations.start("Resuming", work)
    go.set()
    eventually(lambda: operations.last is not None and not operations.last.runs)
    assert operations.last is not None
    assert (operations.last.outcome, operations.last.failed) == ("It went wrong. Try again.", True)
    operations.start("Resuming", lambda: "Done.")
    eventually(lambda: operations.last is not None and operations.last.outcome == "Done.")
