"""Explanations with ?explain=true, and requests that the model itself rejects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from predict_api.openapi import schemas
from predict_api.request.validation import MAX_EXPLAINED
from support.api.fakes import (
    EXPLAINED_SCORE,
    EXPLANATION,
    NAMES,
    NUMBERS,
    Api,
    client_error,
    contract,
)

NAMED = dict(zip(NAMES, NUMBERS, strict=True))
TRUE = {"explain": ["true"]}


@pytest.fixture
def api() -> Api:
    return Api()


def test_one_company_is_explained(api: Api) -> None:
    reply = api.predict({"data": NUMBERS}, TRUE)
    assert (reply.status, reply.json["explanation"]) == (200, EXPLANATION)
    assert reply.json["explained_score"] == EXPLAINED_SCORE
    schemas.PredictAnswer.model_validate_json(reply.text)
    assert json.loads(api.runtime.requests[0]["Body"])["explain"] is True


def test_each_of_many_companies_is_explained(api: Api) -> None:
    reply = api.predict({"instances": [NUMBERS] * MAX_EXPLAINED}, TRUE)
    assert reply.status == 200
    assert [each["explanation"] for each in reply.json["predictions"]] == [EXPLANATION] * MAX_EXPLAINED
    schemas.PredictAnswer.model_validate_json(reply.text)


@pytest.mark.parametrize("query", [None, {"explain": ["false"]}])
def test_explanations_are_only_returned_on_request(api: Api, query: Any) -> None:
    assert "explanation" not in api.predict({"data": NUMBERS}, query).json
    assert "explain" not in json.loads(api.runtime.requests[0]["Body"])


@pytest.mark.parametrize("wrap", [True, False])
def test_too_many_companies_to_explain_are_rejected(api: Api, wrap: bool) -> None:
    companies = [NUMBERS] * 101
    reply = api.predict({"instances": companies} if wrap else companies, TRUE)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert reply.problems == {
        ("query", "explain"): (
            "at most 100 companies can be explained at a time, but 101 were sent; "
            "send fewer companies, or set explain to false"
        )
    }
    assert api.runtime.requests == []


@pytest.mark.parametrize(
    ("query", "problems"),
    [
        ({"explain": ["yes"]}, {("query", "explain"): "must be true or false, not 'yes'"}),
        ({"explain": [""]}, {("query", "explain"): "must be true or false, not ''"}),
        ({"explain": ["True"]}, {("query", "explain"): "must be true or false, not 'True'"}),
        ({"explain": ["true", "true"]}, {("query", "explain"): "is given more than once"}),
        (
            {"explian": ["true"], "pretty": ["1"]},
            {
                ("query", "explian"): "is unknown; the only parameter is explain",
                ("query", "pretty"): "is unknown; the only parameter is explain",
            },
        ),
    ],
)
def test_query_parameters_are_checked(api: Api, query: Any, problems: Any) -> None:
    reply = api.predict({"data": NUMBERS}, query)
    assert (reply.status, reply.code, reply.problems) == (422, "validation_failed", problems)


def test_a_request_for_explanations_survives_a_change_of_the_contract(api: Api) -> None:
    api.predict({"data": NUMBERS})
    api.s3.document = api.runtime.serves = contract(("Quick Ratio", *NAMES[:3]), version="4")
    assert api.predict({"data": NUMBERS}, TRUE).json["explanation"] == EXPLANATION


# Requests that fit the contract but that the model rejects.


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"data": NUMBERS}, ("data",)),
        ({"features": NAMED}, ("features",)),
        ({"instances": [NUMBERS]}, ("instances", 0)),
        ([NUMBERS], (0,)),
    ],
)
def test_companies_that_the_model_rejects_have_locations(api: Api, body: Any, place: Any) -> None:
    document = {"error": {"details": [{"loc": ["instances", 0], "message": "The numbers are too large."}]}}
    api.runtime.errors = [
        client_error("ModelError", OriginalStatusCode=422, OriginalMessage=json.dumps(document))
    ]
    reply = api.predict(body)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert reply.problems == {place: "The numbers are too large."}


def test_a_rejection_of_the_whole_request_has_no_location(api: Api) -> None:
    document = {"error": {"details": [{"loc": ["explain"], "message": "Not by this model."}]}}
    api.runtime.errors = [
        client_error("ModelError", OriginalStatusCode=422, OriginalMessage=json.dumps(document))
    ]
    assert api.predict({"data": NUMBERS}, TRUE).problems == {(): "Not by this model."}
