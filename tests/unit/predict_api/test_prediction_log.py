"""The log of predictions has the documented fields, and never fails or delays a prediction."""

from __future__ import annotations

import json
from typing import Any

import pytest
from predict_api.log.firehose import RejectedError
from support.api.fakes import NAMES, NUMBERS, REQUEST_ID, Api, client_error, contract

LINE = {
    "prediction_id": f"{REQUEST_ID}-0",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "source": "api",
    "version": "3",
    "contract": contract()["contract"],
    "prediction": 0,
    "probability": 0.005,
    "risk_level": "low",
}


@pytest.fixture
def api() -> Api:
    return Api(prediction_log="full")


def counted(text: str) -> tuple[float, float]:
    """Return the metrics PredictionsLogged and PredictionsLost of the only request in a log."""
    [metrics] = [found for line in text.splitlines() if "PredictionsLost" in (found := json.loads(line))]
    return metrics["PredictionsLogged"][0], metrics["PredictionsLost"][0]


def test_a_prediction_is_a_line_with_its_inputs_in_the_contracts_order(api: Api) -> None:
    answer = api.predict({"features": dict(reversed(list(zip(NAMES, NUMBERS, strict=True)))), "id": "A-17"})

    assert answer.json["id"] == "A-17"
    assert api.firehose.lines == [{**LINE, "id": "A-17", "features": NUMBERS}]
    assert api.firehose.records[0].endswith(b"\n")


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [\n  [0.5, 25e-2,\t1000, -0],\r\n  [ 0.5,0.25,1E3,\n3 ]\n]}',
        "[[0.5, 0.25, 1000.0, 0.0], [0.5, 0.25, 1000.0, 3.0]]",
        '{"instances": [{"data": [0.5, 0.25, 1000, 0], "id": "[1]"}, [0.5, 0.25, 1000, 3]]}',
        f"[[0.5, 0.25, 1000, 0], [0.5, 0.25, 1000.{'0' * 1_000_000}, 3]]",
    ],
    ids=["spaces", "short", "id", "long"],
)
def test_numbers_are_logged_on_one_short_line_however_they_are_written(api: Api, body: str) -> None:
    answer = api.post(body)
    assert answer.status == 200, answer.text
    assert [each["features"] for each in api.firehose.lines] == [[0.5, 0.25, 1000, 0], NUMBERS]
    assert len(api.firehose.records[0]) < 1000


def test_scores_have_no_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(prediction_log="scores")
    api.predict({"data": NUMBERS})
    assert api.firehose.lines == [LINE]
    assert counted(capsys.readouterr().out) == (1, 0)


def test_without_a_log_nothing_is_sent() -> None:
    api = Api(prediction_log="off")
    assert api.predict({"data": NUMBERS}).json["prediction_id"] == LINE["prediction_id"]
    assert api.firehose.calls == 0


def test_every_company_of_a_request_has_its_line_and_its_own_id(api: Api) -> None:
    companies = [NUMBERS, {"data": NUMBERS, "id": "β"}, {"features": dict(zip(NAMES, NUMBERS, strict=True))}]
    answer = api.predict({"instances": companies}).json["predictions"]
    ids = [(f"{REQUEST_ID}-0", None), (f"{REQUEST_ID}-1", "β"), (f"{REQUEST_ID}-2", None)]
    assert [(each["prediction_id"], each.get("id")) for each in answer] == ids
    assert [(each["prediction_id"], each.get("id")) for each in api.firehose.lines] == ids


def test_rejected_requests_are_not_logged(api: Api) -> None:
    assert api.predict({"data": NUMBERS[:-1]}).status == 422
    api.runtime.errors = [client_error("ModelError", OriginalStatusCode=500)]
    assert api.predict({"data": NUMBERS}).status == 502
    assert api.firehose.calls == 0


def test_large_requests_are_packed_into_few_records() -> None:
    # GIVEN a thousand companies with long numbers and ids, whose lines have more than 900 kB
    names = [f"feature {number}" for number in range(50)]
    api = Api(contract(names), prediction_log="full")
    companies = [{"data": [0.123456789012345 + row] * 50, "id": f"{row:0128}"} for row in range(1000)]
    assert api.predict({"instances": companies}).status == 200
    # THEN one call sends records that are as large as allowed
    sizes = [len(record) for record in api.firehose.records]
    assert api.firehose.calls == 1
    assert max(sizes) <= 900_000 < sum(sizes) <= 2 * 900_000
    assert len(sizes) == 2
    assert [line["id"] for line in api.firehose.lines] == [each["id"] for each in companies]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (RejectedError("AccessDeniedException"), "AccessDeniedException"),
        (TimeoutError("secret"), "TimeoutError"),
        (RuntimeError("secret"), "RuntimeError"),
        (["ServiceUnavailableException"], "ServiceUnavailableException"),
    ],
)
def test_a_failure_of_the_log_loses_predictions_but_answers_them(
    api: Api,
    failure: Any,
    reason: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = api.predict({"instances": [NUMBERS, NUMBERS]}).text
    capsys.readouterr()
    api.firehose.fails = [failure]

    assert api.predict({"instances": [NUMBERS, NUMBERS]}).text == expected

    assert counted(capsys.readouterr().out) == (0, 2)
    [warning] = [vars(record) for record in caplog.records if record.message == "predictions not logged"]
    assert (warning["lost"], warning["reason"]) == (2, reason)
    assert api.firehose.calls == 2  # it was not tried again
    assert "secret" not in caplog.text


def test_lost_records_are_counted_by_their_companies(capsys: pytest.CaptureFixture[str]) -> None:
    api = Api(contract([f"feature {number}" for number in range(50)]), prediction_log="full")
    api.firehose.fails = [[None, "ServiceUnavailableException"]]
    api.predict({"instances": [[0.123456789012345 + row] * 50 for row in range(1000)]})
    logged, lost = counted(capsys.readouterr().out)
    assert logged == len(api.firehose.lines)
    assert (logged + lost, 0 < lost < logged) == (1000, True)


@pytest.mark.parametrize(("milliseconds", "logged"), [(1000, 1), (999, 0)])
def test_close_to_the_deadline_the_answer_comes_first(
    api: Api, milliseconds: int, logged: int, capsys: pytest.CaptureFixture[str]
) -> None:
    api.milliseconds_left = milliseconds
    assert api.predict({"data": NUMBERS}).status == 200
    assert counted(capsys.readouterr().out) == (logged, 1 - logged)
    assert len(api.firehose.lines) == logged


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"data": NUMBERS, "id": ""}, {("id",): "must have 1 to 128 printable characters"}),
        ({"data": NUMBERS, "id": "x" * 129}, {("id",): "must have 1 to 128 printable characters"}),
        ({"data": NUMBERS, "id": "a\nb"}, {("id",): "must have 1 to 128 printable characters"}),
        ({"data": NUMBERS, "id": "\ud800"}, {("id",): "must have 1 to 128 printable characters"}),
        ({"data": NUMBERS, "id": 17}, {("id",): "must be a string, not a number"}),
        ({"data": NUMBERS, "id": None}, {("id",): "must be a string, not null"}),
        (
            {"instances": [{"data": NUMBERS, "id": ["A"]}]},
            {("instances", 0, "id"): "must be a string, not a list"},
        ),
        (
            {"instances": [NUMBERS], "id": "A-17"},
            {("id",): 'belongs to a company: {"instances": [{"data": […], "id": "…"}]}'},
        ),
    ],
)
def test_invalid_ids_are_rejected(api: Api, body: Any, problem: dict[Any, str]) -> None:
    reply = api.predict(body)
    assert (reply.status, reply.problems) == (422, problem)
    assert api.firehose.calls == 0
