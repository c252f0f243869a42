"""POST /predict: responses, changes of the contract, and failures of the endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from predict_api.endpoint import ENDPOINT_CONFIG, RETRY_WITHIN, S3_CONFIG
from predict_api.openapi import schemas
from support.api.fakes import NAMES, NUMBERS, REQUEST_ID, Api, client_error, contract

HASH = contract()["contract"]
ANSWER = {
    "prediction_id": f"{REQUEST_ID}-0",
    "prediction": 0,
    "probability": {"not_bankrupt": 0.995, "bankrupt": 0.005},
    "risk_level": "low",
    "confidence": 0.995,
}
SECOND = {**ANSWER, "prediction_id": f"{REQUEST_ID}-1"}
MORE = {
    "timestamp": "2026-01-02T03:04:05.678Z",
    "model": {"version": "3", "contract": HASH},
    "warnings": [],
}
NAMED = dict(zip(NAMES, NUMBERS, strict=True))
OTHER = ("Quick Ratio", *NAMES[:3])


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.mark.parametrize(
    "body", [{"data": NUMBERS}, {"features": NAMED}, {"data": NUMBERS, "contract": HASH}]
)
def test_one_company(api: Api, body: Any) -> None:
    reply = api.predict(body)
    assert (reply.status, reply.json) == (200, {**ANSWER, **MORE})
    assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "companies",
    [[NUMBERS, NAMED], [{"data": NUMBERS}, {"features": NAMED}], [NAMED, {"features": NAMED}]],
)
@pytest.mark.parametrize("wrap", [True, False])
def test_many_companies(api: Api, companies: list[Any], wrap: bool) -> None:
    reply = api.predict({"instances": companies} if wrap else companies)
    assert (reply.status, reply.json) == (200, {"predictions": [ANSWER, SECOND], **MORE})


def test_named_numbers_are_sent_in_the_contracts_order(api: Api) -> None:
    assert api.predict({"features": dict(reversed(NAMED.items()))}).json["confidence"] == 0.995
    sent = json.loads(api.runtime.requests[0]["Body"])
    assert sent == {"contract": HASH, "instances": [NUMBERS]}


@pytest.mark.parametrize(
    "text",
    [
        '{"instances": %s}',
        ' {"contract": "HASH", "instances":\n%s }',
        '{"inst\\u0061nces":%s,"contract":"HASH"}',
        " %s\n",
    ],
)
def test_the_endpoint_gets_the_clients_own_text_of_the_numbers(api: Api, text: str) -> None:
    numbers = "[ [1, 2.50,\t1e3, 4], [0.1, 0.2, 1000.0000, -0]]"
    assert api.post((text % numbers).replace("HASH", HASH)).status == 200
    assert api.runtime.requests[0]["Body"].decode() == f'{{"contract":"{HASH}","instances":{numbers}}}'


def test_the_request_to_the_endpoint(api: Api) -> None:
    api.predict({"data": [1, 2, 3, 4]})
    request = api.runtime.requests[0]
    assert request["EndpointName"] == "bankruptcy"
    assert request["ContentType"] == request["Accept"] == "application/json"
    assert request["CustomAttributes"] == REQUEST_ID


def test_a_thousand_companies(api: Api) -> None:
    reply = api.predict({"instances": [NUMBERS] * 1000})
    assert reply.status == 200
    assert len(reply.json["predictions"]) == 1000


def test_the_version_comes_from_the_endpoint(api: Api) -> None:
    # GIVEN a newer version with the same contract behind the endpoint
    api.runtime.serves = contract(version="4")
    assert api.predict({"data": NUMBERS}).json["model"] == {"version": "4", "contract": HASH}


def test_values_far_outside_the_training_range_give_warnings(api: Api) -> None:
    reply = api.predict({"instances": [NUMBERS, [0.5, 20.01, 1000, -10.5], [20, -10, 0, 10]]})
    assert reply.status == 200
    assert reply.json["warnings"] == [
        {
            "loc": ["instances", 1, position],
            "feature": NAMES[position],
            "seen": {"min": 0.0, "max": 10.0},
            "message": "Far outside the training range, 0 to 10.",
        }
        for position in (1, 3)
    ]
    named = api.predict({"features": {**NAMED, "Debt ratio %": 99}})
    assert [warning["loc"] for warning in named.json["warnings"]] == [["features", "Debt ratio %"]]


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        (1.2, "1.2e-10 for 1.2. If the true value is 1.2, send 0.00012."),
        (10_000.0, "1e-06 for 10000. If the true value is 10000, send 1."),
        # Divided by 10,000, these would lie between the two units again.
        (
            10_001.0,
            "1.0001e-06 for 10001. A true value of 10001 cannot be sent: this feature supports true values "
            "up to 10,000. Check it.",
        ),
        (
            99_999.0,
            "9.9999e-06 for 99999. A true value of 99999 cannot be sent: this feature supports true values "
            "up to 10,000. Check it.",
        ),
    ],
)
def test_a_value_between_the_two_units_of_a_feature_gives_a_warning(
    api: Api, value: float, reading: str
) -> None:
    # GIVEN a feature with training values up to 1, and from 100,000 to 1e10
    two_units = {
        "largest_small": 1.0000001,
        "small_factor": 1e4,
        "smallest_large": 1e5,
        "large_factor": 1e-10,
    }
    api.s3.document["features"][1] |= {"max": 1e10, "two_units": two_units}
    # WHEN a company has a value between the two
    reply = api.predict({"instances": [[0.5, value, 1000, 3]]})
    # THEN the warning states the value that the model uses
    (warning,) = reply.json["warnings"]
    assert warning == {
        "loc": ["instances", 0, 1],
        "feature": NAMES[1],
        "seen": {"min": 0.0, "max": 1e10},
        "message": (
            "Between the two units of this feature: no training company has a value from 1 to 100,000. "
            f"The model uses {reading}"
        ),
    }
    schemas.PredictAnswer.model_validate_json(reply.text)
    # AND values in either unit, or of another feature, give none
    for row in ([0.5, 1.0, 1000, 3], [0.5, 1e5, 1000, 3], [1.2, 0.5, 1000, 3]):
        assert api.predict({"data": row}).json["warnings"] == []
    # AND clients can read the two units
    model = api.call("GET", "/model").json
    assert [feature.get("two_units") for feature in model["features"]] == [None, two_units, None, None]
    schemas.ModelAnswer.model_validate(model)


def test_at_most_a_hundred_warnings_are_returned(api: Api) -> None:
    assert len(api.predict([[-99, -99, -99e9, -99]] * 1000).json["warnings"]) == 100


# Changes of the contract.


def test_the_contract_is_read_every_ten_seconds(api: Api) -> None:
    for _ in range(3):
        api.predict({"data": NUMBERS})
    assert api.s3.reads == 1
    api.clock.seconds += 10
    api.predict({"data": NUMBERS})
    assert api.s3.reads == 2


def test_a_changed_contract_is_read_within_the_request(api: Api) -> None:
    # GIVEN a cached contract, and a new model with other columns, deployed and published
    api.predict({"data": NUMBERS})
    api.s3.document = api.runtime.serves = contract(OTHER, version="4")
    # WHEN a client sends the new names, by position
    reply = api.predict({"data": NUMBERS})
    # THEN the answer comes from the new model
    assert reply.status == 200
    assert reply.json["model"] == {"version": "4", "contract": contract(OTHER)["contract"]}
    sent = [json.loads(request["Body"])["contract"] for request in api.runtime.requests]
    assert sent == [HASH, HASH, contract(OTHER)["contract"]]


def test_named_numbers_are_never_used_for_other_columns(api: Api) -> None:
    api.predict({"features": NAMED})
    api.s3.document = api.runtime.serves = contract(OTHER, version="4")
    reply = api.predict({"features": NAMED})
    assert reply.status == 422
    assert reply.problems[("features", "Quick Ratio")] == "is missing"


def test_a_contract_that_is_no_longer_in_service_is_rejected(api: Api) -> None:
    api.predict({"data": NUMBERS})
    api.s3.document = api.runtime.serves = contract(OTHER)
    reply = api.predict({"data": NUMBERS, "contract": HASH})
    assert (reply.status, reply.code) == (409, "contract_mismatch")
    assert reply.problems == {
        ("contract",): f"{HASH!r} was given; {contract(OTHER)['contract']!r} is in service."
    }
    # AND it costs one more read than other requests
    assert api.s3.reads == 2


def test_a_client_can_use_a_newer_contract_than_the_stored_one(api: Api) -> None:
    api.predict({"data": NUMBERS})
    api.s3.document = api.runtime.serves = contract(OTHER)
    assert api.predict({"data": NUMBERS, "contract": contract(OTHER)["contract"]}).status == 200


def test_the_contract_is_checked_before_the_shape(api: Api) -> None:
    assert api.predict({"data": [1], "contract": "0" * 16}).code == "contract_mismatch"


def test_an_endpoint_with_a_newer_contract_means_retry_later(api: Api) -> None:
    api.runtime.serves = contract(OTHER)
    reply = api.predict({"data": NUMBERS})
    assert (reply.status, reply.code) == (503, "deploying")
    assert reply.headers["retry-after"] == "5"
    assert len(api.runtime.requests) == 2


# The endpoint serves a model that is not published yet.


@pytest.fixture
def replaced(api: Api) -> Api:
    """The API while the endpoint already serves a model with the same features in another order."""
    api.s3.next_document = api.runtime.serves = contract(NAMES[::-1], version="4")
    return api


@pytest.mark.parametrize("body", [{"features": NAMED}, {"instances": [NAMED]}, [{"features": NAMED}]])
def test_named_numbers_are_answered_by_a_model_that_is_not_published_yet(replaced: Api, body: Any) -> None:
    reply = replaced.predict(body)
    assert reply.status == 200
    assert reply.json["model"] == {"version": "4", "contract": contract(NAMES[::-1])["contract"]}
    assert json.loads(replaced.runtime.requests[-1]["Body"])["instances"] == [NUMBERS[::-1]]
    # AND until it is published, clients read the champion's contract
    assert replaced.call("GET", "/model").json["version"] == "3"


@pytest.mark.parametrize("body", [{"data": NUMBERS}, [NUMBERS], {"instances": [NAMED, NUMBERS]}])
def test_numbers_by_position_never_go_to_a_model_that_is_not_published_yet(replaced: Api, body: Any) -> None:
    reply = replaced.predict(body)
    assert (reply.status, reply.code) == (503, "deploying")
    sent = {json.loads(request["Body"])["contract"] for request in replaced.runtime.requests}
    assert sent == {HASH}


@pytest.mark.parametrize("body", [{"features": NAMED}, {"data": NUMBERS}])
def test_a_request_for_the_champions_contract_is_never_answered_by_its_successor(
    replaced: Api, body: Any
) -> None:
    # GIVEN that GET /model still returns the champion's contract, so that reading it again does not help
    assert replaced.call("GET", "/model").json["contract"] == HASH
    reply = replaced.predict({**body, "contract": HASH})
    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "deploying", "5")


def test_a_mismatch_never_names_the_contract_of_a_model_that_is_being_deployed(replaced: Api) -> None:
    reply = replaced.predict({"features": NAMED, "contract": "0" * 16})
    assert (reply.status, reply.code) == (409, "contract_mismatch")
    assert reply.problems == {("contract",): f"'{'0' * 16}' was given; {HASH!r} is in service."}


def test_the_contract_of_a_model_whose_deployment_failed_is_a_mismatch(replaced: Api) -> None:
    replaced.runtime.serves = replaced.s3.document
    pinned = contract(NAMES[::-1])["contract"]
    reply = replaced.predict({"features": NAMED, "contract": pinned})
    assert (reply.status, reply.code) == (409, "contract_mismatch")


def test_names_that_a_model_being_deployed_does_not_have_are_a_mismatch(api: Api) -> None:
    api.s3.next_document = api.runtime.serves = contract(OTHER, version="4")
    reply = api.predict({"features": NAMED})
    assert (reply.status, reply.code) == (409, "contract_mismatch")
    assert "with other features is being deployed" in reply.json["error"]["message"]


def test_an_old_next_contract_is_not_used(api: Api) -> None:
    # GIVEN the contract of a model whose deployment failed, and an endpoint that serves the champion
    api.s3.next_document = contract(NAMES[::-1], version="4")
    assert api.predict({"features": NAMED}).json["model"]["version"] == "3"
    # WHEN the endpoint serves neither
    api.runtime.serves = contract(OTHER, version="5")
    # THEN no answer is given
    assert api.predict({"features": NAMED}).code == "deploying"


def test_a_slow_first_attempt_is_not_repeated(api: Api) -> None:
    slow = client_error("ModelError", OriginalStatusCode=409)
    invoke = api.runtime.invoke_endpoint

    def invoke_slowly(**request: Any) -> Any:
        api.clock.seconds += RETRY_WITHIN + 0.1
        return invoke(**request)

    api.runtime.invoke_endpoint = invoke_slowly  # type: ignore[method-assign]
    api.runtime.errors = [slow]
    assert api.predict({"data": NUMBERS}).code == "deploying"
    assert len(api.runtime.requests) == 1


def test_the_timeouts_add_up_to_less_than_the_gateways() -> None:
    def longest(config: Any) -> float:
        attempts = config.retries["total_max_attempts"]
        return float(attempts * (config.connect_timeout + config.read_timeout) + (attempts - 1))

    assert RETRY_WITHIN + longest(S3_CONFIG) + longest(ENDPOINT_CONFIG) <= 27


def test_before_the_first_deployment_there_is_no_model(api: Api) -> None:
    api.s3.document = None
    reply = api.predict({"data": NUMBERS})
    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "no_model", "60")


def test_an_unreadable_contract_is_unavailable_unless_a_copy_is_stored(api: Api) -> None:
    api.s3.error = client_error("InternalError")
    assert api.predict({"data": NUMBERS}).code == "unavailable"
    api.s3.error = None
    assert api.predict({"data": NUMBERS}).status == 200
    api.s3.error = ConnectTimeoutError(endpoint_url="https://s3")
    api.clock.seconds += 11
    assert api.predict({"data": NUMBERS}).status == 200


# Failures of the endpoint.


@pytest.mark.parametrize(
    ("error", "status", "code", "retry_after"),
    [
        (client_error("ModelError", OriginalStatusCode=500), 502, "model_error", None),
        (client_error("ModelError", OriginalStatusCode=422), 502, "model_error", None),
        (client_error("ValidationError"), 503, "endpoint_unavailable", "30"),
        (client_error("ModelNotReadyException"), 503, "endpoint_unavailable", "30"),
        (client_error("ServiceUnavailable"), 503, "endpoint_unavailable", "30"),
        (client_error("InternalFailure"), 503, "endpoint_unavailable", "30"),
        (EndpointConnectionError(endpoint_url="https://x"), 503, "endpoint_unavailable", "30"),
        (client_error("ThrottlingException"), 429, "throttled", "1"),
        (ReadTimeoutError(endpoint_url="https://x"), 504, "endpoint_timeout", None),
        (ConnectTimeoutError(endpoint_url="https://x"), 504, "endpoint_timeout", None),
        (client_error("AccessDeniedException"), 500, "internal_error", None),
        (RuntimeError("arn:aws:sagemaker:secret"), 500, "internal_error", None),
    ],
)
def test_failures_of_the_endpoint_are_translated(
    api: Api, error: Exception, status: int, code: str, retry_after: str | None
) -> None:
    api.runtime.errors = [error]
    reply = api.predict({"data": NUMBERS})
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers.get("retry-after") == retry_after
    assert reply.json["error"]["request_id"] == REQUEST_ID
    # The client does not see the cause.
    assert "arn:" not in reply.text
    assert "https:" not in reply.text


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"[]",
        b'{"predictions": []}',
        b'{"predictions": [], "model": {"version": "3", "contract": "%s"}}' % HASH.encode(),
        b'{"predictions": [{}], "model": {"version": "3", "contract": "0000"}}',
    ],
)
def test_invalid_answers_of_the_endpoint_are_a_model_error(api: Api, answer: bytes) -> None:
    api.runtime.answer = answer
    reply = api.predict({"data": NUMBERS})
    assert (reply.status, reply.code) == (502, "model_error")
