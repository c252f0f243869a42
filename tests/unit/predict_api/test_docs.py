"""docs/api.md says what the API does: its examples, and its table of errors.

``python tests/unit/test_api_docs.py`` writes the table anew.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":  # pytest finds the helpers by itself
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3])]

from predict_api.openapi import ERRORS
from support.api_errors import CASES, Case, table
from support.predict_api_fakes import Api

PAGE = Path(__file__).resolve().parents[3] / "docs" / "api.md"
TABLE = re.compile(r"(?<=<!-- errors -->\n).*(?=<!-- /errors -->)", re.DOTALL)
EXAMPLE = re.compile(r"```http\n(\w+) ([^\s?]+)\??(\S*)\n\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.when)
def test_each_error_comes_about_as_it_is_documented(case: Case) -> None:
    reply = case.answer()
    assert (reply.status, reply.code) == (case.status, case.code)
    assert reply.json["error"]["message"]
    assert all(name.lower() in reply.headers for name in case.headers)
    assert ("retry-after" in reply.headers) == ("Retry-After" in case.headers)


def test_every_code_has_a_case_and_no_code_two_statuses() -> None:
    statuses = {case.code: case.status for case in CASES}
    assert {(case.code, case.status) for case in CASES} == set(statuses.items())
    # Of paths and verbs that don't exist, no operation of the OpenAPI document can tell.
    assert set(statuses) - {"not_found", "method_not_allowed"} == {
        code for codes in ERRORS.values() for code in codes
    }


def test_the_table_is_that_of_the_cases() -> None:
    written = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert written is not None
    assert written.group() == table(), "Write it anew: python tests/unit/test_api_docs.py"


def examples() -> list[tuple[Any, ...]]:
    return EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("method", "path", "query", "body", "answer"), examples())
def test_the_examples_are_answered_as_they_are_documented(
    method: str, path: str, query: str, body: str, answer: str
) -> None:
    parameters = {name: [value] for name, _, value in [query.partition("=")] if name}
    reply = Api().call(method, path, body, {"Content-Type": "application/json"}, parameters or None)
    assert (reply.status, reply.json) == (200, json.loads(answer))


def test_there_are_examples() -> None:
    assert len(examples()) == 5


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
