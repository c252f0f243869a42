"""Any request to POST /predict is answered or rejected with a reason, never with a 5xx.

SIZE in the environment sets how many inputs each test sends; ``make test-api-inputs`` sends 24,000.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from support.api.fakes import NAMES, NUMBERS, Api, Reply, contract
from support.campaign import size

EXAMPLES = settings(max_examples=size(100), deadline=None)
JSON = {"Content-Type": "application/json"}
KEYS = st.sampled_from([*NAMES, "data", "features", "instances", "contract", "explain"]) | st.text(max_size=8)
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
FINITE = st.floats(-1e150, 1e150)
COMPANY = st.lists(FINITE, min_size=4, max_size=4)
VALID = st.one_of(
    st.builds(lambda row: {"data": row}, COMPANY),
    st.builds(lambda row: {"features": dict(zip(NAMES, row, strict=True))}, COMPANY),
    st.builds(lambda rows: {"instances": rows}, st.lists(COMPANY, min_size=1, max_size=4)),
    st.lists(st.builds(lambda row: {"data": row}, COMPANY), min_size=1, max_size=4),
)


def judge(api: Api, reply: Reply, allowed: set[int]) -> None:
    """Check the properties that every response must have."""
    assert reply.status in {200, *allowed}
    # The endpoint was called if and only if there are predictions.
    assert len(api.runtime.requests) == (1 if reply.status == 200 else 0)
    if reply.status == 200:
        answers = reply.json.get("predictions", [reply.json])
        for answer in answers:
            assert 0 <= answer["probability"]["bankrupt"] <= 1
        return
    error = reply.json["error"]
    assert set(error) == {"code", "message", "details", "request_id"}
    assert error["message"]
    if reply.status == 422:
        assert 1 <= len(error["details"]) <= 100
    for detail in error["details"]:
        assert detail["message"]
        assert all(isinstance(part, str | int) for part in detail["loc"])


def changed(draw: Any, document: Any) -> Any:
    """Return a document with one value replaced."""
    kind = draw(st.sampled_from(["replace", "remove", "add", "descend"]))
    if isinstance(document, dict) and document and kind != "replace":
        key = draw(st.sampled_from(sorted(document)))
        if kind == "add":
            return {**document, draw(KEYS): draw(VALUES)}
        rest = {name: value for name, value in document.items() if name != key}
        return rest if kind == "remove" else {**document, key: changed(draw, document[key])}
    if isinstance(document, list) and document and kind != "replace":
        place = draw(st.integers(0, len(document) - 1))
        if kind == "add":
            return [*document[:place], draw(VALUES), *document[place:]]
        middle = [] if kind == "remove" else [changed(draw, document[place])]
        return [*document[:place], *middle, *document[place + 1 :]]
    return draw(VALUES)


@st.composite
def nearly_valid(draw: Any) -> Any:
    """Return a valid request's JSON with one to three changes."""
    document = draw(VALID)
    for _ in range(draw(st.integers(1, 3))):
        document = changed(draw, document)
    return document


@EXAMPLES
@given(VALUES)
def test_any_json_is_answered_or_rejected(body: Any) -> None:
    api = Api()
    judge(api, api.predict(body), {409, 422})


@EXAMPLES
@given(nearly_valid(), st.sampled_from([None, "true", "false", "", "1"]))
def test_nearly_valid_json_is_answered_or_rejected(body: Any, explain: str | None) -> None:
    api = Api()
    judge(api, api.predict(body, None if explain is None else {"explain": [explain]}), {409, 422})


@EXAMPLES
@given(st.data())
def test_text_that_is_nearly_json_is_answered_or_rejected(data: st.DataObject) -> None:
    # GIVEN the bytes of a valid request, with some of them replaced
    raw = json.dumps(data.draw(VALID)).encode()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 20)))
    body = raw[:start] + data.draw(st.binary(max_size=20)) + raw[end:]
    api = Api()
    judge(api, api.call("POST", "/predict", body, JSON), {400, 422})


@EXAMPLES
@given(st.binary(max_size=200), st.none() | st.just("application/json") | st.text(max_size=40))
def test_any_bytes_of_any_type_are_answered_or_rejected(body: bytes, content_type: str | None) -> None:
    api = Api()
    headers = None if content_type is None else {"Content-Type": content_type}
    judge(api, api.call("POST", "/predict", body, headers), {400, 415, 422})


@EXAMPLES
@given(VALID)
def test_every_number_in_range_reaches_the_model_unchanged(body: Any) -> None:
    api = Api()
    assert api.predict(body).status == 200
    sent = json.loads(api.runtime.requests[0]["Body"])
    assert sent["contract"] == contract()["contract"]
    assert [[value.hex() for value in row] for row in sent["instances"]] == [
        [float(value).hex() for value in row] for row in rows_of(body)
    ]


@EXAMPLES
@given(st.dictionaries(st.text(max_size=10) | st.just("explain"), st.lists(st.text(max_size=10), min_size=1)))
def test_any_query_parameters_are_answered_or_rejected(query: dict[str, list[str]]) -> None:
    api = Api()
    judge(api, api.predict({"data": NUMBERS}, query), {422})


def rows_of(body: Any) -> list[list[float]]:
    """Return a valid request's numbers."""
    if isinstance(body, list):
        return [company["data"] for company in body]
    if "instances" in body:
        rows: list[list[float]] = body["instances"]
        return rows
    return [body["data"] if "data" in body else list(body["features"].values())]
