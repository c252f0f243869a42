"""The console in a real browser: a reviewer's way through it, its policy, and a page that attacks it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support.browser import silent_page
from support.console import COMMANDS
from support.local_aws.cloud import BUCKET, Cloud, processing
from support.local_aws.environment import project_with_bucket

from local_aws.server import LocalAws
from scripts.aws.session import Aws
from scripts.console.server import serving

PROJECT = "console"
WAITING = """
import pathlib, time
print("Waits for the file", flush=True)
while not pathlib.Path("{go}").exists(): time.sleep(0.05)
"""
DECLARED = [
    {"Name": "InputDataUri", "Type": "String"},
    {"Name": "Estimator", "Type": "String", "DefaultValue": "blend", "EnumValues": ["blend", "forest"]},
]
WIDTHS = (390, 1280)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with LocalAws() as server:
        made = Cloud(server)
        made.make_bucket()
        yield made
        made.close()


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Aws:
    """A project with data and a pipeline of one step, which ends when the file `go` exists."""
    found = project_with_bucket(cloud.aws, monkeypatch, PROJECT)
    cloud.s3.put_object(Bucket=found.project.bucket, Key="data/1/companies.csv", Body=b"x")
    code = cloud.put_script("code", WAITING.format(go=tmp_path / "go"))
    definition = {"Version": "2020-12-01", "Parameters": DECLARED, "Steps": [processing("Wait", code)]}
    role = "arn:aws:iam::123456789012:role/pipeline-role"
    cloud.sagemaker.create_pipeline(
        PipelineName=PROJECT, PipelineDefinition=json.dumps(definition), RoleArn=role
    )
    return found


@pytest.fixture
def url(aws: Aws) -> Iterator[str]:
    with serving(aws, 0, COMMANDS, read_only=False) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page at the width of a phone."""
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 800})
    with silent_page(context) as made:
        yield made
    context.close()


def check_layout(page: Page) -> None:
    """Check at each width that nothing sticks out, and that headings, labels and links have names."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").count() == 1
    nameless = """() =>
        [...document.querySelectorAll('a, button, select, textarea, input:not([type=hidden])')]
        .filter(each => !(each.labels?.length || each.textContent.trim() || each.getAttribute('aria-label')))
        .map(each => each.outerHTML)"""
    assert page.evaluate(nameless) == []


def test_an_execution_is_started_watched_and_read(
    cloud: Cloud, aws: Aws, url: str, page: Page, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN the form, which is filled in with the keyboard
    page.goto(url)
    expect(page.get_by_role("heading", name="No execution yet")).to_be_visible()
    check_layout(page)
    page.get_by_role("link", name="Start an execution").click()
    check_layout(page)
    page.get_by_label("Estimator").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#command")).to_have_text("bankruptcy pipeline start -p Estimator=forest --local")
    page.get_by_role("button", name="Start the execution").press("Enter")
    # WHEN the execution runs
    expect(page.get_by_role("link", name=re.compile(r"^Wait Executing, .+\. Log$"))).to_be_visible(
        timeout=15_000
    )
    check_layout(page)
    page.get_by_role("link", name="Log of Wait").click()
    expect(page.get_by_role("region", name="Log")).to_contain_text("Waits for the file", timeout=15_000)
    check_layout(page)
    page.go_back()
    # and ends with a report
    report = "<h1>Of the model</h1><script>parent.document.title = 'attacked'</script>"
    monkeypatch.setattr("scripts.console.pages.executions.read_report", lambda *_: report.encode())
    (tmp_path / "go").touch()
    # THEN the page shows its end without being loaded again, and then polls no more
    expect(page.locator(".pill", has_text="Succeeded")).to_be_visible(timeout=15_000)
    assert page.locator("[hx-trigger]").count() == 0
    # and the report can be read, but do nothing
    page.goto(f"{page.url}/report")
    expect(page.frame_locator("iframe").get_by_role("heading", name="Of the model")).to_be_visible()
    assert page.title().startswith("Report of execution")


def test_a_page_that_cannot_be_updated_says_why(aws: Aws, url: str, browser: Browser, tmp_path: Any) -> None:
    started = aws.client("sagemaker").start_pipeline_execution(
        PipelineName=PROJECT, PipelineParameters=[{"Name": "InputDataUri", "Value": "s3://a/b.csv"}]
    )
    name = started["PipelineExecutionArn"].rpartition("/")[2]
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.goto(f"{page.url}/{name}")
    trouble = page.locator("#trouble")
    expect(trouble).to_be_hidden()
    # WHEN a poll gets an error, as from AWS
    problem = '<div class="problem"><p>AWS denied <b>it</b>.</p><p>Ask for the permission.</p></div>'
    page.route("**/executions/*", lambda route: route.fulfill(status=400, body=problem))
    expect(trouble).to_have_text(
        "This page could not be updated. AWS denied it. Ask for the permission.", timeout=15_000
    )
    # or none at all
    page.unroute("**/executions/*")
    page.route("**/executions/*", lambda route: route.abort())
    expect(trouble).to_contain_text("the console does not answer", timeout=15_000)
    # THEN the page says so until it is updated again
    page.unroute("**/executions/*")
    expect(trouble).to_be_hidden(timeout=15_000)
    (tmp_path / "go").touch()
    expect(page.locator(".pill", has_text="Succeeded")).to_be_visible(timeout=15_000)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, url: str, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    ratio = """([text, back]) => {
        const style = getComputedStyle(document.documentElement);
        const light = name => {
            const hex = style.getPropertyValue(name).trim().slice(1);
            const [r, g, b] = [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16) / 255)
                .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const [high, low] = [light(text), light(back)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    }"""
    pairs = [
        *(
            (text, back)
            for text in ("--ink", "--muted", "--selected")
            for back in ("--page", "--card", "--soft")
        ),
        ("--good", "--good-back"),
        ("--bad", "--bad-back"),
        ("--warn-ink", "--warn-back"),
        ("--card", "--selected"),
    ]
    low = {pair: value for pair in pairs if (value := page.evaluate(ratio, list(pair))) < 4.5}
    context.close()
    assert low == {}


def test_a_foreign_page_can_do_nothing(cloud: Cloud, url: str, browser: Browser) -> None:
    # GIVEN a browser that was admitted, and a page of another port of the same machine, which has its cookies
    context = browser.new_context()
    admitted = context.new_page()
    admitted.goto(url)
    base = admitted.url.removesuffix("/executions")
    page = context.new_page()
    page.route("**/attack", lambda route: route.fulfill(body="<title>x</title>", content_type="text/html"))
    page.goto(f"{cloud.aws.url}/attack")
    # WHEN it sends the form, frames a page and reads it
    read = page.evaluate(
        """async base => {
            const read = [];
            for (const mode of ['cors', 'no-cors'])
                for (const method of ['GET', 'POST'])
                    await fetch(base + '/executions/start', {method, mode, credentials: 'include',
                        body: method === 'POST' ? new URLSearchParams({Estimator: 'blend'}) : undefined})
                        .then(answer => answer.text()).then(text => text && read.push(text))
                        .catch(() => null);
            const frame = document.createElement('iframe');
            frame.name = 'target';
            document.body.append(frame);
            const form = Object.assign(document.createElement('form'),
                {action: base + '/executions/start', method: 'POST', target: 'target'});
            document.body.append(form);
            form.submit();
            await new Promise(done => setTimeout(done, 1000));
            return read;
        }""",
        base,
    )
    # THEN it has read and started nothing
    assert read == []
    context.close()
    summaries = cloud.sagemaker.list_pipeline_executions(PipelineName=PROJECT)
    assert summaries["PipelineExecutionSummaries"] == []
    assert cloud.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_pages_run_no_scripts_of_their_own(url: str, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.evaluate(
        """() => {
            document.body.append(Object.assign(document.createElement('script'), {text: 'attacked = 1'}));
            document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="attacked = 1">');
        }"""
    )
    page.wait_for_timeout(300)
    assert page.evaluate("typeof attacked") == "undefined"
    context.close()
