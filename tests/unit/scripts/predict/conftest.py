"""Company files in CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.companies.csv_companies import CsvCompanies


@pytest.fixture
def companies(tmp_path: Path) -> Any:
    def write(text: str) -> CsvCompanies:
        path = tmp_path / "companies.csv"
        path.write_text(text, encoding="utf-8-sig")
        return CsvCompanies(path, keep=[])

    return write
