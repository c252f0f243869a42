"""The console's page that tries a company, over the API of local AWS."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import urllib3
from support.console import Visitor, text_of
from support.local_aws.account import Account, local_text
from support.local_aws.environment import locally, point_at
from support.models.evaluations import evaluation
from support.models.small import register_folder, small_profile, write_small_model

from local_aws.server import LocalAws
from pipeline.jobs import sklearn_image
from scripts.aws.session import Aws, connect
from scripts.deploy.deployment import deploy
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.predict.client import ApiClient, client_of
from steps.dataset.columns import FIRM_ID, RATIOS, TARGET

NAMES = RATIOS[:20]
IMPORTANT, MIXED = NAMES[7], NAMES[1]
UNITS = {"largest_small": 1.0, "small_factor": 1e4, "smallest_large": 1e5, "large_factor": 1e-10}
FIRMS = ("17", "40", "17")


def company(row: int) -> dict[str, float]:
    """Return the ratios of a row of the uploaded data."""
    return {name: round(0.1 + 0.01 * at + 0.2 * row, 3) for at, name in enumerate(RATIOS)}


@pytest.fixture(scope="module")
def aws(place: LocalAws | Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A service with version 1, which has a column of two units, and with data of three companies."""
    folder = tmp_path_factory.mktemp("trying") / "first"
    with pytest.MonkeyPatch.context() as patch:
        point_at(place, patch)
        with locally(place):
            deploy(connect("trying"), confirm=lambda _: True)
        found = connect("trying")
        write_small_model(folder, NAMES, seed=1)
        path = folder / "model" / "model.json"
        description = json.loads(path.read_text(encoding="utf-8"))
        description["contract"]["features"][1] |= {"max": 9e9, "two_units": UNITS}
        path.write_text(json.dumps(description), encoding="utf-8")
        document = {**evaluation(), "importance": [{"name": IMPORTANT}]}
        files = {"evaluation.json": json.dumps(document), "report.html": "<h1>Report</h1>"}
        register_folder(found, folder, image=sklearn_image(found.project.region), evaluation=files)
        s3, bucket = found.client("s3"), found.project.bucket
        profile = json.dumps(small_profile(NAMES))
        s3.put_object(Bucket=bucket, Key="models/first/profile.json", Body=profile.encode())
        lines = [",".join([FIRM_ID, *(f'"{name}"' for name in (TARGET, *RATIOS))])]
        lines += [",".join([firm, "0", *map(str, company(row).values())]) for row, firm in enumerate(FIRMS)]
        s3.put_object(Bucket=bucket, Key="data/1/firms.csv", Body="\n".join(lines).encode())
        set_approval(found, find_version(found, 1), "Approved")
        wait_until_served(found, 1)
        yield found
        place.reset()


@pytest.fixture
def visitor(aws: Aws) -> Visitor:
    return Visitor(aws)


def form(**changed: str) -> dict[str, str]:
    """Return the fields of a form whose numbers are those of row 1."""
    return {f"value {name}": str(value) for name, value in company(1).items() if name in NAMES} | changed


def expected(aws: Aws, row: int) -> dict[str, Any]:
    """Return what the API answers about a row."""
    features = {name: value for name, value in company(row).items() if name in NAMES}
    return client_of(aws).predict({"features": features}, explain=True)


def test_the_form_starts_with_the_median_company(visitor: Visitor) -> None:
    page = visitor.get("/try").text
    fields = re.findall(r'<label for="n\d+">([^<]*)</label>', page)
    assert sorted(map(unescape, fields)) == sorted(NAMES)
    assert unescape(fields[0]) == IMPORTANT  # the evaluation ranks it first
    assert page.count('value="0.5"') == len(NAMES)
    # A slider knows the training quantiles, and the gap between two units.
    assert page.count('data-points="[[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]"') == len(NAMES) - 1
    assert page.count('data-gap="[1.0, 100000.0]"') == 1
    assert "Choose a company, or change a number of this one" in text_of(visitor.get("/try"))
    assert len(page) < 60_000


def test_a_typed_company_gets_the_answer_of_the_api(visitor: Visitor, aws: Aws) -> None:
    shown = text_of(visitor.post("/try", form()))
    answer = expected(aws, 1)
    assert f"{100 * answer['probability']['bankrupt']:.1f} % {answer['risk_level']} risk" in shown
    assert "by version 1." in shown
    # The effects are those of the API, and add up.
    score, effects = answer["explained_score"], answer["explanation"]
    for effect in effects:
        assert f"{effect['feature']} {effect['value']:.4g}, median 0.5 {effect['effect']:+.2f}" in shown
    assert f"the other 15 columns {score['other_effects']:+.2f}" in shown
    assert f"median company {score['median_log_odds']:+.2f}" in shown
    assert f"this company {score['log_odds']:+.2f}" in shown


def test_a_company_is_chosen_by_row_or_by_id(visitor: Visitor, aws: Aws) -> None:
    by_row = visitor.post("/try", {"row": "1"})
    assert "From row 1, firm_id 40 of firms.csv (not the UCI file)." in text_of(by_row)
    assert f'name="value {NAMES[0]}" value="0.3"' in by_row.text
    assert f"{100 * expected(aws, 1)['probability']['bankrupt']:.1f} %" in text_of(by_row)
    # A firm with several rows: the last one, and the page lists them.
    by_id = text_of(visitor.post("/try", {"row": "", "id": "17"}))
    assert "From row 2, firm_id 17" in by_id
    assert "17 has the rows 0, 2. Give one of them" in by_id
    assert "From row 0, firm_id 17" in text_of(visitor.post("/try", {"row": "0", "id": "17"}))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"row": "3"}, "has rows 0 to 2; given 3."),
        ({"row": "-1"}, "The row must be a whole number, from 0; given '-1'."),
        ({"row": "9" * 5000}, "The row must be a whole number, from 0; given '9999"),
        ({"id": "99"}, "has the id '99'."),
        ({"row": "", "id": ""}, "Give a row or an id."),
        (form(**{f"value {NAMES[0]}": "<b>many</b>"}), f"{NAMES[0]} is not a number"),
        (form(**{f"value {NAMES[0]}": ""}), f"{NAMES[0]} is empty."),
    ],
)
def test_wrong_input_is_explained_and_kept(visitor: Visitor, fields: dict[str, str], problem: str) -> None:
    response = visitor.post("/try", fields)
    assert response.status_code == 400
    assert problem in text_of(response)
    assert "<b>many</b>" not in response.text
    for name, value in fields.items():
        if value and value != "<b>many</b>":
            assert f'name="{name}" value="{value}"' in response.text
    # htmx shows an answer only if its status is not an error's.
    assert visitor.post("/try", fields, **{"HX-Request": "true"}).status_code == 200


def test_a_number_between_two_units_is_warned_about(visitor: Visitor) -> None:
    shown = text_of(visitor.post("/try", form(**{f"value {MIXED}": "25"})))
    assert f"{MIXED} : Between the two units of this feature" in shown
    assert "send 0.0025." in shown


def test_the_lines_for_curl_and_python_work(visitor: Visitor, aws: Aws, place: LocalAws | Account) -> None:
    page = local_text(place, visitor.post("/try", form()).text)
    lines = dict(re.findall(r'<summary>(\w+)</summary>\n<code class="command">(.*?)</code>', page, re.DOTALL))
    client, answer = client_of(aws), expected(aws, 1)
    # The program, as it stands on the page
    program = subprocess.run(
        [sys.executable, "-c", unescape(lines["Python"])],
        env={"KEY": str(client.key)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(program.stdout)["probability"] == answer["probability"]
    # The shell command, taken apart as a shell does
    command, _, key, _, kind, address, _, body = shlex.split(unescape(lines["curl"]))
    assert (command, key, kind) == ("curl", "x-api-key: $KEY", "Content-Type: application/json")
    headers = {"Content-Type": "application/json", "x-api-key": str(client.key)}
    sent = urllib3.request("POST", address, body=body.encode(), headers=headers)
    assert sent.json()["probability"] == answer["probability"]


def test_the_key_is_only_shown_on_demand(visitor: Visitor, aws: Aws) -> None:
    key = str(client_of(aws).key)
    assert key not in visitor.get("/try").text
    assert key not in visitor.post("/try", form()).text
    assert visitor.get("/try/key").status_code == 405
    shown = visitor.post("/try/key", form())
    assert f"KEY={key}" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert f'name="value {NAMES[0]}" value="0.3"' in shown.text  # the company is still there
    assert key not in visitor.get("/try").text


def test_an_open_api_needs_no_key(visitor: Visitor, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(aws)
    model, keyless = client.get("/model"), replace(client, key=None)
    monkeypatch.setattr("scripts.console.pages.trying.client_of", lambda _: keyless)
    monkeypatch.setattr(ApiClient, "get", lambda *_: model)
    shown = visitor.page("/try")
    assert "This API is open: it needs no key." in shown
    assert "Show the API key" not in shown
    assert "x-api-key" not in shown
    assert "KEY" not in shown


def test_read_only_sends_nothing(aws: Aws) -> None:
    visitor = Visitor(aws, read_only=True)
    page = visitor.get("/try")
    assert "<form" not in page.text
    assert "bankruptcy predict --row 0 --explain --local" in text_of(page)
    assert visitor.post("/try", form()).status_code == 403
    assert visitor.post("/try/key").status_code == 403


def test_without_data_the_page_says_what_to_do(
    visitor: Visitor, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.console.pages.trying.newest_upload", lambda _: None)
    assert "No data is uploaded yet. Upload some with bankruptcy data upload --local" in visitor.page("/try")
    assert "There is no uploaded data." in text_of(visitor.post("/try", {"row": "0"}))
