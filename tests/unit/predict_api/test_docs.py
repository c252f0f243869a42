"""The examples and the table of errors in docs/api.md describe what the API does.

``make golden`` writes the table again.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from predict_api.openapi.document import ERRORS
from support.api.errors import CASES, ERROR_TABLE, PAGE, Case, table
from support.api.fakes import Api

EXAMPLE = re.compile(r"```http\n(\w+) ([^\s?]+)\??(\S*)\n\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.when)
def test_each_error_occurs_as_documented(case: Case) -> None:
    reply = case.answer()
    assert (reply.status, reply.code) == (case.status, case.code)
    assert reply.json["error"]["message"]
    assert all(name.lower() in reply.headers for name in case.headers)
    assert ("retry-after" in reply.headers) == ("Retry-After" in case.headers)


def test_every_code_has_a_case_and_one_status() -> None:
    statuses = {case.code: case.status for case in CASES}
    assert {(case.code, case.status) for case in CASES} == set(statuses.items())
    # The OpenAPI document has no operation for missing paths and methods.
    assert set(statuses) - {"not_found", "method_not_allowed"} == {
        code for codes in ERRORS.values() for code in codes
    }


def test_the_table_lists_the_cases() -> None:
    written = ERROR_TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert written is not None
    assert written.group() == table(), "run `make golden`, then review the diff"


def examples() -> list[tuple[Any, ...]]:
    return EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("method", "path", "query", "body", "answer"), examples())
def test_the_examples_have_the_documented_answers(
    method: str, path: str, query: str, body: str, answer: str
) -> None:
    parameters = {name: [value] for name, _, value in [query.partition("=")] if name}
    reply = Api().call(method, path, body, {"Content-Type": "application/json"}, parameters or None)
    assert (reply.status, reply.json) == (200, json.loads(answer))


def test_there_are_examples() -> None:
    assert len(examples()) == 5
