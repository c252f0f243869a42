"""Companies from JSON and JSON Lines, in every supported form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from support.api.clients import Api, outcomes

from scripts.companies.company_file import read_companies
from scripts.companies.errors import CompanyFileError
from scripts.companies.json_companies import read_json
from scripts.predict.predictions import Predictions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        ("1", "must contain a list of companies"),
        ("[]", "has no companies"),
        ("[0.5, 1]", r'Write one company as {"data": \[numbers\]}'),
        ('{"data": [1], "instances": [[1]]}', "exactly one of .*; it has 'data' and 'instances'"),
        ('{"instances": [[1]], "instances": [[2]]}', "'instances' is given more than once"),
        ('{"data": [1], "extra": 1}', "it has 'extra'"),
        ('{"contract": "x"}', "it has none of them"),
        ('{"Tax rate (A)": 1}', "has ratios at its top level; put them under 'features'"),
        ('{"columns": ["a"], "index": [0], "data": [[1]]}', "orient='split'"),
        ('{"schema": {}, "data": []}', "orient='table'"),
        ('{"Tax rate (A)": {"0": 1}}', "orient='columns'"),
        ('{"0": {"a": 1}}', "orient='index'"),
    ],
)
def test_a_json_file_in_another_form_is_rejected(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "companies.JSON").write_text(text)
    with pytest.raises(CompanyFileError, match=message):
        read_companies(tmp_path / "companies.JSON")


@pytest.mark.parametrize(
    ("company", "outcome"),
    [
        ('{"assets": 0.1, " debt": 1, "Bankrupt?": 0, "Tax rate (A)": 1}', 0.1),
        ('{"assets": 0.1, "debt": 1, "assets": 0.2}', "'assets' is given more than once"),
        ('{"assets": 0.1, " assets": 0.2, "debt": 1}', "'assets' is given more than once"),
        ('{"assets": 0.1}', "'debt' is missing"),
        ('{"features": {"assets": 0.1, "debt": 1}, "name": "A"}', 0.1),
        ('{"features": {"assets": 0.1, "debts": 1}}', "'debts' is unknown; did you mean 'debt'?"),
        ('{"features": {"assets": 0.1, "debt": 1, "debt": 2}}', "'debt' is given more than once"),
        ('{"features": {"assets": 0.1, "debt": 1}, "other": 2}', "'other' is not allowed next to 'features'"),
        ('{"name": "A", "data": [0.1, 1]}', 0.1),
        ('{"data": [0.1, 1], "features": {}}', "'features' is not allowed next to 'data'"),
    ],
)
@pytest.mark.parametrize("form", [".json", ".jsonl.gz", "-array.json"])
def test_companies_in_json_are_read_alike_in_every_file(
    tmp_path: Path, form: str, company: str, outcome: float | str
) -> None:
    path = tmp_path / f"companies{form}"
    first = '{"name": "X", "assets": 0.5, "debt": 1}'
    text = f"{first}\n\n{company}\n" if "jsonl" in form else f"[{first}, {company}]"
    path.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())
    found = read_companies(path)
    assert found.ids == ("name",)
    numbers = (1, 3) if "jsonl" in form else (0, 1)
    assert outcomes(Predictions(Api(), found)) == list(zip(numbers, (0.5, outcome), strict=True))


@pytest.mark.parametrize(
    ("company", "names"),
    [
        ('{"id": "A", "Index": 3, "Tax rate (A)": 1, "firm_id": "A", "Bankrupt?": 0}', "'id', 'Index'"),
        ('{"id": "A", " Tax rate (A)": 1}', ""),
        ('{"id": "A", "data": [1, 2]}', ""),
        ("[1, 2]", ""),
    ],
)
@pytest.mark.parametrize("form", [".json", ".jsonl"])
def test_names_in_json_that_no_model_uses_are_named(
    tmp_path: Path, form: str, company: str, names: str
) -> None:
    path = tmp_path / f"companies{form}"
    path.write_text(f"{company}\n" if form == ".jsonl" else f"[{company}]")
    assert read_companies(path).ignored_columns == names


def test_a_bad_line_of_json_lines_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "companies.jsonl"
    path.write_text('{"assets": 0.1, "debt": 1}\n{"assets": \n[0.2, 1]\n{"id": "\\ud800", "assets": 1}')
    found = outcomes(Predictions(Api(), read_companies(path)))
    assert [number for number, _ in found] == [1, 2, 3, 4]
    assert (found[0][1], found[2][1]) == (0.1, 0.2)
    assert str(found[1][1]).startswith("is not JSON: Expecting value")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([[0.1, 1], {"debt": 2, "assets": 0.2, "other": 3}], [(0, 0.1), (1, 0.2)]),
        ({"instances": [[0.1, 1]], "contract": "assets+debt"}, [(0, 0.1)]),
        ({"data": [0.1, 1]}, [(0, 0.1)]),
        ({"features": {"assets": 0.1, "debt": 1}}, [(0, 0.1)]),
    ],
)
def test_json_files_have_the_form_of_the_api(tmp_path: Path, content: Any, expected: Any) -> None:
    path = tmp_path / "companies.json"
    path.write_text(json.dumps(content))
    assert outcomes(Predictions(Api(), read_json(path))) == expected
