"""The table of docs/company-files.md: how each entry point handles each kind of file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from support.company_files.csv_kinds import DATA_KINDS
from support.company_files.entry_points import Outcome, entry_points, write
from support.company_files.json_kinds import JSON_KINDS
from support.company_files.kinds import Kind
from support.repository import ROOT

PAGE = ROOT / "docs" / "company-files.md"
TABLE = re.compile(r"(?<=<!-- kinds -->\n).*?(?=<!-- /kinds -->)", re.DOTALL)
KINDS = [*DATA_KINDS, *JSON_KINDS]


def table() -> str:
    """Return the table of the docs: how each entry point handles each kind of file."""
    headings = {"data": ("describe", "upload", "predict", "score"), "json": ("predict", "POST")}
    titles = {
        "describe": "`data describe`",
        "upload": "`data upload`, SelectFeatures",
        "predict": "`predict`",
        "score": "`score`",
        "POST": "`POST /predict`",
    }
    tables = []
    for group, columns in headings.items():
        head = ["kind of file", *(titles[column] for column in columns)]
        rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
        kinds = [kind for kind in KINDS if kind.file.endswith(".json") == (group == "json")]
        rows += [f"| {' | '.join([kind.name, *_cells(kind, columns)])} |" for kind in kinds]
        tables.append("\n".join(rows))
    return "\n\n".join(["", *tables, ""])


def _cells(kind: Kind, columns: Sequence[str]) -> list[str]:
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        path = write(kind, Path(folder))
        found = entry_points(kind)
        for column in columns:
            counted = kind.describe if column == "describe" else None
            cells.append(_text(found[column](path), counted) if column in found else "not a data file")
    return cells


def _text(outcome: Outcome, counted: str | None) -> str:
    """Return an outcome as a cell of the table; `counted` is a fact that describe shows."""
    if outcome.refused:
        return f"rejected: {_shortened(outcome.refused)}"
    if outcome.bad:
        (line, problem), count = next(iter(outcome.bad.items())), len(outcome.bad)
        more = f" and {count - 1} more" if count > 1 else ""
        return f"{outcome.unit} {line} has an error: {_shortened(problem)}{more}"
    return f"counted: {counted}" if counted else "read"


def _shortened(message: str) -> str:
    lines = message.splitlines()
    message = lines[1] if lines[0].endswith(":") else lines[0]
    message = re.sub(r"^(The data file |The portfolio )?\S*/?companies\.\S+ |^header: it ", "", message)
    message = re.sub(r"'(ROA[^']{25}|roa[^']{25})[^']*'", r"'\1…'", message).partition(". ")[0]
    return message.rstrip(".").replace("|", "\\|")
