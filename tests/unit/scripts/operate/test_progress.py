"""The tables that show an execution."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from scripts.terminal.progress import candidates_table


def candidate(estimator: str) -> dict[str, Any]:
    return {
        "estimator": estimator,
        "roc_auc": {"value": 0.9337, "low": 0.8662, "high": 0.9781},
        "pr_auc": 0.478,
        "brier": 0.0177,
        "recall_at_5_percent_fpr": 0.76,
        "out_of_fold_roc_auc": 0.955,
    }


@pytest.mark.parametrize("selected", ["recommended", "baseline"])
def test_the_candidates_table_fits_80_columns_completely(selected: str) -> None:
    evaluation = {
        "test": {"companies": 136_458, "bankruptcies": 4_034},
        "selected": {"candidate": selected},
        "candidates": {"baseline": candidate("mlp"), "recommended": candidate("logistic")},
    }
    shown = io.StringIO()
    Console(file=shown, width=80).print(candidates_table(evaluation, is_sample=True))
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert lines[0].startswith("136,458 unseen companies, 4034 of them bankrupt (sample data, one split)")
    assert "…" not in shown.getvalue()
    rows = {line[3:].split("  ")[0]: line for line in lines if "0.866–0.978" in line}
    assert list(rows) == ["baseline mlp", "recommended logistic"]
    assert [name for name, line in rows.items() if line.startswith("←")] == [
        name for name in rows if name.startswith(selected)
    ]
    assert all(line.endswith("0.934  0.866–0.978   0.478  0.0177     0.76   0.955") for line in rows.values())
