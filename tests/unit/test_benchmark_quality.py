"""The quality benchmark: its table, its protocol, and what it says without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from benchmarks import quality


def test_the_table_has_a_line_per_estimator_and_number_of_columns(
    companies: Callable[..., pd.DataFrame],
    data_file: Callable[[Path, pd.DataFrame], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = data_file(tmp_path / "companies.csv", companies())
    quality.main([str(data), "--repeats", "1", "--estimators", "logistic", "--columns", "8", "95"])
    header, _, leak, published, few, every = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in header.split("|")[3:-1]] == list(quality.FIGURES)
    # the 480 of one class are matched by as many of the other, before Tomek links go
    assert leak.startswith("| published protocol (9")
    assert " | 50 | 0." in leak
    assert published.startswith("| published recipe without the leak | 50 | 0.")
    assert few.startswith("| logistic | 8 | 0.9")
    assert every.startswith("| logistic | all | 0.")


def test_each_company_is_judged_once_per_repeat_by_a_fit_that_has_not_seen_it(
    companies: Callable[..., pd.DataFrame],
) -> None:
    frame = companies(rows=300, bankrupt=60)
    seen: list[int] = []

    def fit(X: np.ndarray, y: np.ndarray, names: Any) -> Pipeline:
        seen.append(len(X))
        assert X.shape[1] == len(names) == 5
        assert y.sum() == 40
        return Pipeline([("none", "passthrough"), ("prior", Prior().fit(X, y))])

    figures = quality.cross_validate(frame, quality.Entry("prior", "recommended", 5, fit), seed=1, repeats=2)
    assert figures.shape == (6, len(quality.FIGURES))
    assert seen == [200] * 6
    # a fifth for everyone: no ranking, the base rate as precision, the labels' variance as Brier score
    np.testing.assert_allclose(figures[:, :3], [[0.5, 0.2, 0.16]] * 6, atol=1e-12)


class Prior(DummyClassifier):
    """Says the share of bankruptcies of everyone."""

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        p = self.predict_proba(X)[:, 1]
        return np.log(p / (1 - p))


def test_without_data_it_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"none\.csv does not exist. Download data set 572"):
        quality.main([str(tmp_path / "none.csv")])
