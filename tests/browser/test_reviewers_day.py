"""A reviewer's day with the console, in a real browser: from the start of an execution to the pause."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.browser import silent_page
from support.console import COMMANDS
from support.lifecycle.data import sample_companies
from support.local_aws.account import Account, only_account, running_account
from support.local_aws.environment import locally, point_at
from support.models.evaluations import evaluation
from support.models.small import register_folder, write_small_model
from support.pipeline.executions import upload_frame
from support.repository import ROOT

from local_aws.server import LocalAws
from pipeline.jobs import sklearn_image
from scripts.aws.session import Aws, connect
from scripts.console.app import ROUTES
from scripts.console.server import serving
from scripts.deploy.deployment import deploy
from scripts.deploy.endpoint import read_endpoint
from scripts.model.approval import find_version, set_approval, wait_until_served
from steps.dataset.columns import RATIOS

AXE = ROOT / ".venv-axe" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: tuple[tuple[int, Any], ...] = ((390, "light"), (1280, "dark"), (1280, "light"), (390, "dark"))
NOTE = "Finds more, and was judged on the same companies"
# A page of another port sends every form of the console in every way that needs no consent.
ATTACK = """async ([base, paths]) => {
    const read = [];
    for (const path of paths) {
        const fields = {note: 'attacked', source: 'data', row: '0'};
        for (const mode of ['cors', 'no-cors'])
            await fetch(base + path,
                {method: 'POST', mode, credentials: 'include', body: new URLSearchParams(fields)})
                .then(answer => answer.text()).then(text => text && read.push(path)).catch(() => null);
        const frame = Object.assign(document.createElement('iframe'), {name: 'frame' + path});
        const form = Object.assign(document.createElement('form'),
            {action: base + path, method: 'POST', target: frame.name});
        for (const [name, value] of Object.entries(fields))
            form.append(Object.assign(document.createElement('input'), {name, value}));
        document.body.append(frame, form);
        await new Promise(done => { frame.onload = done; form.submit(); setTimeout(done, 2000); });
    }
    return read;
}"""


@pytest.fixture(params=["local AWS", "an account"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalAws | Account]:
    """Where the project is. A local AWS runs beside the account, and must get no request."""
    with LocalAws() as server:
        if request.param == "local AWS":
            yield server
            return
        with running_account(tmp_path) as account, only_account(account):
            yield account


@pytest.fixture
def aws(place: LocalAws | Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Aws:
    """A service with a champion, version 1, and with uploaded data."""
    with locally(place):
        deploy(connect("day"), confirm=lambda _: True)
    point_at(place, monkeypatch)
    found = connect("day")
    write_small_model(tmp_path / "first" / "model", RATIOS[:30], seed=1)
    files = {"evaluation.json": json.dumps(evaluation()), "report.html": "<h1>Report of the first</h1>"}
    image = sklearn_image(found.project.region)
    register_folder(found, tmp_path / "first" / "model", image=image, evaluation=files)
    set_approval(found, find_version(found, 1), "Approved", "The first")
    upload_frame(found, sample_companies(), tmp_path / "companies.csv")
    wait_until_served(found, 1)
    return found


@pytest.fixture
def url(aws: Aws) -> Iterator[str]:
    with serving(aws, 0, COMMANDS, read_only=False) as found:
        yield found


@pytest.fixture
def context(browser: Browser, url: str) -> Iterator[BrowserContext]:
    """The browser that the printed address has admitted."""
    made = browser.new_context()
    entry = made.new_page()
    entry.goto(url)
    entry.close()
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    with silent_page(context) as made:
        yield made


class Reviewer:
    """A person at the console, who looks at each page in another width and colour scheme."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.base = url.partition("/enter")[0]
        self.seen: list[str] = []

    def look(self) -> None:
        """Check the layout of the page, and remember it for the checks of accessibility."""
        width, scheme = LOOKS[len(self.seen) % len(LOOKS)]
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= width, self.page.url
        assert self.page.locator("h1").count() == 1
        self.seen.append(self.page.url)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.base}{path}")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        # A click does not wait for the next page, which has no element at first.
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name, exact=True).first.click()


def test_a_reviewers_day(
    place: LocalAws | Account, aws: Aws, url: str, context: BrowserContext, page: Page, browser: Browser
) -> None:
    reviewer = Reviewer(page, url)
    _train(reviewer)
    _judge(reviewer)
    _attack(reviewer, context, aws, place.url)
    _decide(reviewer, aws)
    _try(reviewer, browser, context)
    _check_accessibility(reviewer, browser, context)
    _pause(reviewer, aws)


def _train(reviewer: Reviewer) -> None:
    """Start an execution from the form, watch it, and read its report."""
    page = reviewer.page
    reviewer.open("/executions")
    reviewer.look()
    reviewer.follow("Start an execution")
    page.get_by_label("Estimator").select_option("logistic")
    page.get_by_label("RegisterCandidate").select_option("recommended")
    expect(page.locator("#command")).to_contain_text("-p Estimator=logistic -p RegisterCandidate=recommended")
    reviewer.look()
    reviewer.press("Start the execution")
    expect(page.locator(".step.Executing").first).to_be_visible(timeout=30_000)
    # Not only the graph changes: the change is announced.
    expect(page.locator("#announcement")).to_contain_text("Executing")
    reviewer.look()
    expect(page.locator(".pill", has_text="Succeeded")).to_be_visible(timeout=180_000)
    expect(page.locator("#announcement")).to_contain_text("Execution Succeeded.")
    reviewer.look()
    reviewer.follow("Read the report")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name=re.compile("Bankruptcy risk"))).to_be_visible()
    reviewer.look()


def _judge(reviewer: Reviewer) -> None:
    """Compare the new version with the champion, and preview it on the uploaded data and on a file."""
    page = reviewer.page
    reviewer.follow("Versions")
    reviewer.look()
    reviewer.follow("Version 2")
    reviewer.look()
    reviewer.follow("Compare with the champion")
    expect(page.get_by_role("heading", name="Version 1 and version 2")).to_be_visible()
    assert page.locator("svg.plot").count() == 3
    reviewer.look()
    reviewer.follow("Version 2")
    reviewer.press("Preview on the uploaded data")
    expect(page.get_by_role("heading", name="Companies with another level")).to_be_visible(timeout=60_000)
    expect(page.locator("#announcement")).to_contain_text("would have another risk level")
    reviewer.look()
    reviewer.follow("Go to the decision")
    expect(page.locator("#decision")).to_be_in_viewport()


def _attack(reviewer: Reviewer, context: BrowserContext, aws: Aws, other: str) -> None:
    """Send every form of the console from a page of another port of the same machine."""
    names = {"<name>": _execution(aws), "<int:number>": "2", "<decision>": "approve"}
    paths = [
        functools.reduce(lambda path, name: path.replace(name, names[name]), names, path)
        for method, path, _ in ROUTES
        if method == "POST"
    ]
    assert {"/executions/start", "/versions/2/approve", "/try/key", "/service/pause"} <= set(paths)
    page = context.new_page()
    page.route("**/attack", lambda route: route.fulfill(body="<title>x</title>", content_type="text/html"))
    page.goto(f"{other}/attack")
    assert page.evaluate(ATTACK, [reviewer.base, paths]) == []
    page.close()
    assert find_version(aws, 2)["ModelApprovalStatus"] == "PendingManualApproval"
    assert read_endpoint(aws).status == "InService"
    _execution(aws)


def _execution(aws: Aws) -> str:
    """Return the id of the only execution."""
    listed = aws.client("sagemaker").list_pipeline_executions(PipelineName=aws.project.pipeline)
    (summary,) = listed["PipelineExecutionSummaries"]
    return str(summary["PipelineExecutionArn"].rpartition("/")[2])


def _decide(reviewer: Reviewer, aws: Aws) -> None:
    """Approve the version with a note, and see its deployment."""
    page = reviewer.page
    expect(page.get_by_text("Version 2 is deployed and replaces version 1")).to_be_visible()
    reviewer.press("Approve version 2")
    assert find_version(aws, 2)["ModelApprovalStatus"] == "PendingManualApproval"  # a note is required
    page.locator("#approve-note").fill(NOTE)
    reviewer.press("Approve version 2")
    expect(page.get_by_text(f"Note: {NOTE}")).to_be_visible()
    reviewer.look()
    reviewer.follow("Service")
    expect(page.locator("#champion")).to_have_text("Version 2", timeout=120_000)
    reviewer.look()


def _try(reviewer: Reviewer, browser: Browser, context: BrowserContext) -> None:
    """Try a company of the data, move a slider with the keyboard, and ask for the key."""
    page = reviewer.page
    reviewer.follow("Try it")
    reviewer.look()
    page.get_by_label("Row, from 0").fill("3")
    reviewer.press("Choose it")
    figure, announcement = page.locator("#answer .value"), page.locator("#announcement")
    expect(figure).to_be_visible()
    before = figure.inner_text()
    expect(announcement).to_contain_text(f"Probability of bankruptcy {before}")
    # WHEN a slider moves, THEN its number does, and the answer follows without another page
    page.evaluate("window.stays = true")
    slider = page.get_by_role("slider").first
    number = page.locator("#n1")
    old = number.input_value()
    slider.focus()
    slider.press("End")
    assert number.input_value() != old
    expect(figure).not_to_have_text(before)
    expect(announcement).to_contain_text(f"Probability of bankruptcy {figure.inner_text()}")
    # AND the slider follows the number, and stays while the text is not a number
    number.fill("-")
    assert slider.input_value() == "100"
    number.fill(old)
    expect(figure).to_have_text(before)
    assert 0 <= int(slider.input_value()) < 100
    assert page.evaluate("window.stays") is True
    assert page.locator("#key .command").count() == 0
    reviewer.press("Show the API key")
    expect(page.locator("#key .command")).to_contain_text("KEY=")
    reviewer.look()
    _try_without_scripts(reviewer, browser, context)


def _try_without_scripts(reviewer: Reviewer, browser: Browser, context: BrowserContext) -> None:
    plain = browser.new_context(storage_state=context.storage_state(), java_script_enabled=False)
    page = plain.new_page()
    page.goto(f"{reviewer.base}/try")
    assert page.get_by_role("slider").count() == 0
    page.locator("#n1").fill("0.25")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer .value")).to_be_visible()
    expect(page.locator("#n1")).to_have_value("0.25")
    page.get_by_role("button", name="Show the API key").click()
    expect(page.locator("#key .command")).to_contain_text("KEY=")
    expect(page.locator("#n1")).to_have_value("0.25")
    # A file that is too large gets an answer, although the browser sends all of it first.
    page.goto(f"{reviewer.base}/versions/1#preview")
    page.get_by_label("A company file").set_input_files(
        {"name": "large.csv", "mimeType": "text/csv", "buffer": b"x" * 12_000_000}
    )
    page.get_by_role("button", name="Preview on this file").click()
    expect(page.get_by_role("alert")).to_contain_text("with a file 10,000,000")
    plain.close()


def _check_accessibility(reviewer: Reviewer, browser: Browser, context: BrowserContext) -> None:
    """Run axe on all pages of the day, in a context whose pages may run it."""
    assert AXE.exists(), "Run `make test-browser`, which installs axe-core."
    found = []
    for width, scheme in LOOKS[:2]:
        checked = browser.new_context(
            storage_state=context.storage_state(),
            bypass_csp=True,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
        )
        page = checked.new_page()
        for address in dict.fromkeys(reviewer.seen):
            page.goto(address)
            if address.endswith("/try"):
                page.get_by_label("Row, from 0").fill("3")
                page.get_by_role("button", name="Choose it").click()
                expect(page.locator("#answer .value")).to_be_visible()
            page.add_script_tag(path=AXE)
            # Reports are in frames without scripts; only their own tests can look into them.
            results = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
            found += [
                (address, width, scheme, each["id"], each["nodes"][0]["html"])
                for each in results["violations"]
                if each["impact"] in ("serious", "critical")
            ]
        checked.close()
    assert found == []


def _pause(reviewer: Reviewer, aws: Aws) -> None:
    page = reviewer.page
    reviewer.follow("Service")
    reviewer.press("Pause")
    expect(page.get_by_text("The service is paused; its endpoint is deleted.")).to_be_visible(timeout=60_000)
    reviewer.look()
    assert read_endpoint(aws).status is None
    reviewer.follow("Try it")
    page.get_by_label("Row, from 0").fill("3")
    # The answer is an error, which the page explains, with a status that the browser does not log.
    page.evaluate("document.querySelector('main form [name=source]').form.requestSubmit()")
    expect(page.locator("#answer")).to_contain_text("The page Service shows its state.")
