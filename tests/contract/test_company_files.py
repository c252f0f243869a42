"""Every kind of company file means the same to all that read it; docs/company-files.md is written from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.company_files.entry_points import Outcome, entry_points, write
from support.company_files.kinds import FEATURES, Kind, plain_table
from support.company_files.page import KINDS, PAGE, TABLE, table

HEADER, *COMPANIES = plain_table()
NUMBERS = [tuple(float(row[HEADER.index(name)]) for name in FEATURES) for row in COMPANIES]


def assert_right_numbers(outcome: Outcome) -> None:
    """No company has another's numbers, and none is lost without a message."""
    companies = sorted([*outcome.numbers, *outcome.bad])
    for position, company in enumerate(companies):
        if company in outcome.numbers:
            assert outcome.numbers[company] == NUMBERS[position]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.file.partition('.')[2]} {kind.name}")
def test_a_kind_of_file_means_the_same_everywhere(kind: Kind, tmp_path: Path) -> None:
    path = write(kind, tmp_path)
    found = {name: read(path) for name, read in entry_points(kind).items()}
    for outcome in found.values():
        assert_right_numbers(outcome)
    # Describe, upload and the first step
    if kind.data is not None:
        upload, first_step, description = found["upload"], found["SelectFeatures"], found["describe"]
        assert bool(upload.refused) is bool(first_step.refused) is bool(kind.data)
        assert kind.data in upload.refused
        assert kind.data in first_step.refused
        if kind.describe is None:
            assert bool(description.refused) is bool(kind.data)
            assert kind.data in description.refused
        else:
            assert not description.refused
            assert any(kind.describe in f"{value} {label}" for label, value in description.facts.items())
    # Predict and score
    for name in {"predict", "score"} & found.keys():
        assert bool(found[name].refused) is bool(kind.companies)
        assert kind.companies in found[name].refused
        assert found[name].bad.keys() == kind.bad.keys()
        for line, problem in kind.bad.items():
            assert problem in found[name].bad[line]
    if "score" in found:
        assert found["score"].numbers == found["predict"].numbers
    # POST /predict
    if "POST" in found:
        assert bool(found["POST"].refused) is bool(kind.post)
        assert kind.post in found["POST"].refused
        if not kind.post:
            assert found["POST"].numbers == found["predict"].numbers


def test_the_docs_have_the_table() -> None:
    match = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    assert match[0] == table(), "Run `make golden` and review the difference."
