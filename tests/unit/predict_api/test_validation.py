"""POST /predict rejects invalid requests and locates every problem."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from support.api.fakes import NAMES, NUMBERS, Api

NAMED = dict(zip(NAMES, NUMBERS, strict=True))


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "The body is empty; it must be JSON."),
        ("", "The body is empty; it must be JSON."),
        (" \n", "The body is empty; it must be JSON."),
        ("{", "The body is not JSON: Expecting property name enclosed in double quotes at line 1, column 2."),
        ('{"data": [1,]}', "The body is not JSON: "),
        ("{'data': 1}", "The body is not JSON: "),
        ("[" * 100_000, "The body is nested too deeply."),
        ('{"data": "\ud800"}', "The body is not UTF-8: byte 10 is invalid."),
    ],
)
def test_a_body_that_is_not_json_is_rejected(api: Api, text: str | None, message: str) -> None:
    reply = api.post(text)
    assert (reply.status, reply.code) == (400, "invalid_json")
    assert reply.json["error"]["message"].startswith(message)


def test_base64_bodies_are_decoded(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    assert api.call("POST", "/predict", json.dumps({"data": NUMBERS}).encode(), headers).status == 200
    reply = api.call("POST", "/predict", b'{"data": "\xff"}', headers)
    assert (reply.status, reply.code) == (400, "invalid_json")


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_compressed_bodies_are_rejected(api: Api, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "content-encoding": encoding}
    reply = api.call("POST", "/predict", gzip.compress(json.dumps({"data": NUMBERS}).encode()), headers)
    assert (reply.status, reply.code) == (415, "unsupported_media_type")
    assert f"The Content-Encoding '{encoding}' is not supported" in reply.json["error"]["message"]


def test_a_body_in_its_identity_is_accepted(api: Api) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "identity"}
    assert api.call("POST", "/predict", json.dumps({"data": NUMBERS}).encode(), headers).status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        "application/json; charset=utf8; profile=x",
    ],
)
def test_json_content_types_are_accepted(api: Api, content_type: str) -> None:
    assert api.post(json.dumps({"data": NUMBERS}), content_type).status == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/csv", "", "application/json; charset=latin-1", "application/json; Charset = latin-1", "json"],
)
def test_other_content_types_are_rejected(api: Api, content_type: str) -> None:
    reply = api.post(json.dumps({"data": NUMBERS}), content_type)
    assert (reply.status, reply.code) == (415, "unsupported_media_type")


def test_header_names_ignore_case_and_a_byte_order_mark_is_skipped(api: Api) -> None:
    text = "\ufeff" + json.dumps({"data": NUMBERS})
    assert api.call("POST", "/predict", text, {"content-type": "application/json"}).status == 200


def test_a_missing_content_type_is_rejected(api: Api) -> None:
    reply = api.call("POST", "/predict", json.dumps({"data": NUMBERS}))
    assert reply.code == "unsupported_media_type"
    assert "it is missing" in reply.json["error"]["message"]


def test_a_body_that_is_too_large_is_rejected(api: Api) -> None:
    body = json.dumps({"data": NUMBERS})
    assert api.post(body.ljust(4 * 1024 * 1024)).status == 200
    reply = api.post(body.ljust(4 * 1024 * 1024 + 1))
    assert (reply.status, reply.code) == (413, "payload_too_large")
    assert "4,194,305 bytes; at most 4,194,304" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ("1", {(): 'must be an object with "data", "features" or "instances", not a number'}),
        ("null", {(): 'must be an object with "data", "features" or "instances", not null'}),
        ("{}", {(): 'must have exactly one of "data", "features" and "instances"; it has none of them'}),
        (
            '{"data": [], "features": {}}',
            {(): 'must have exactly one of "data", "features" and "instances"; it has "data" and "features"'},
        ),
        ("[]", {(): "must contain at least one company; it is empty"}),
        ('{"instances": []}', {("instances",): "must contain at least one company; it is empty"}),
        ('{"instances": {}}', {("instances",): "must be a list of companies, not an object"}),
        ('{"data": {}}', {("data",): "must be a list of 4 numbers, not an object"}),
        ('{"data": null}', {("data",): "must be a list of 4 numbers, not null"}),
        ('{"features": []}', {("features",): "must be an object of names and numbers, not a list"}),
        ('{"data": []}', {("data",): "has 0 numbers; it must have 4, one for each feature"}),
        ('{"data": [1, 2, 3]}', {("data",): "has 3 numbers; it must have 4, one for each feature"}),
        ('{"data": [1, 2, 3, 4, 5]}', {("data",): "has 5 numbers; it must have 4, one for each feature"}),
        (
            '{"data": ["1", true, null, [4]]}',
            {
                ("data", 0): f"must be a number, not a string ({NAMES[0]})",
                ("data", 1): f"must be a number, not true or false ({NAMES[1]})",
                ("data", 2): f"must be a number, not null ({NAMES[2]})",
                ("data", 3): f"must be a number, not a list ({NAMES[3]})",
            },
        ),
        (
            '{"data": [NaN, Infinity, -Infinity, 1e151]}',
            {
                ("data", position): f"must be finite and within ±1e+150 ({NAMES[position]})"
                for position in range(4)
            },
        ),
        (
            f'{{"data": [1, 2, 3, {"9" * 5000}]}}',
            {("data", 3): f"must be finite and within ±1e+150 ({NAMES[3]})"},
        ),
        ("[1, 2, 3, 4]", {(): 'is a list of single values; send one company as {"data": [numbers]}'}),
        (
            json.dumps(dict.fromkeys(NAMES, 1)),
            {(): 'has features at its top level; put them under "features": {"features": {…}}'},
        ),
        (
            '{"data": [1, 2, "3", 4, null]}',
            {
                ("data",): "has 5 numbers; it must have 4, one for each feature",
                ("data", 2): f"must be a number, not a string ({NAMES[2]})",
                ("data", 4): "must be a number, not null",
            },
        ),
        (
            '{"data": [1, 2, 3, 4], "contract": 3, "explian": true, "feature": 1}',
            {
                ("contract",): "must be a string, not a number",
                ("explian",): "is unknown",
                ("feature",): "is unknown; the nearest known name is 'features'",
            },
        ),
        (
            '{"data": [1, 2, 3, 4], "data": [1, 2, 3, 5]}',
            {("data",): "is given more than once"},
        ),
        ("[[1, 2, 3, 4], 5]", {(1,): "must be a list of 4 numbers, not a number"}),
        (
            '[{"data": [1]}, {"features": {}}, {"data": 3}]',
            {
                (0, "data"): "has 1 numbers; it must have 4, one for each feature",
                **{(1, "features", name): "is missing" for name in NAMES},
                **{(2, name): "is missing" for name in NAMES},
                (2, "data"): "is unknown",
            },
        ),
        (
            '{"instances": [[1, 2, 3, 4], [1, 2, 3, "x"]]}',
            {("instances", 1, 3): f"must be a number, not a string ({NAMES[3]})"},
        ),
    ],
)
def test_every_problem_has_its_location(api: Api, body: str, problems: dict[Any, str]) -> None:
    reply = api.post(body)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert reply.problems == problems
    assert api.runtime.requests == []


def test_unknown_names_are_reported_with_the_nearest_known_name(api: Api) -> None:
    features = dict(NAMED)
    features[" roa(c) Before  interest"] = features.pop("ROA(C) before interest")
    features["Dept ratio %"] = features.pop("Debt ratio %")
    features["something else entirely"] = 1.0
    assert api.predict({"features": features}).problems == {
        ("features", " roa(c) Before  interest"): (
            "is unknown; the nearest known name is 'ROA(C) before interest'"
        ),
        ("features", "Dept ratio %"): "is unknown; the nearest known name is 'Debt ratio %'",
        ("features", "something else entirely"): "is unknown",
        ("features", "ROA(C) before interest"): "is missing",
        ("features", "Debt ratio %"): "is missing",
    }


def test_repeated_names_are_reported(api: Api) -> None:
    text = json.dumps({"features": NAMED})[:-2] + ', "Debt ratio %": 7}}'
    assert api.post(text).problems == {("features", "Debt ratio %"): "is given more than once"}


def test_named_values_of_the_wrong_type_are_reported(api: Api) -> None:
    reply = api.predict({"features": {**NAMED, "Debt ratio %": "0.5", "Cash/Total Assets": True}})
    assert reply.problems == {
        ("features", "Debt ratio %"): "must be a number, not a string",
        ("features", "Cash/Total Assets"): "must be a number, not true or false",
    }


def test_too_many_companies_are_rejected(api: Api) -> None:
    reply = api.predict([NUMBERS] * 1001)
    assert reply.problems == {(): "contains 1,001 companies; at most 1,000 are allowed at a time"}


def test_at_most_a_hundred_problems_are_listed_and_all_are_counted(api: Api) -> None:
    reply = api.predict([["x"] * 4] * 1000)
    assert len(reply.json["error"]["details"]) == 100
    assert reply.json["error"]["message"].startswith(
        "The request has 4,000 problems; the first 100 are listed."
    )


def test_very_long_names_are_cut(api: Api) -> None:
    reply = api.predict({"features": {**NAMED, "x" * 100_000: 1}})
    assert reply.problems == {("features", "x" * 120): "is unknown"}
