"""The quality benchmark: its table, its protocols, and what it says without data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from benchmarks import quality, quality_table
from benchmarks.quality_table import DIGITS, Result
from steps.dataset.columns import RATIOS
from steps.estimators import recipes
from steps.measures.logits import pipeline_logit

Companies = Callable[..., pd.DataFrame]


def test_the_table_has_a_line_per_protocol_estimator_and_number_of_columns(
    companies: Companies,
    data_file: Callable[[Path, pd.DataFrame], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # GIVEN fits that take no time
    def measure(_: pd.DataFrame, task: quality.Task) -> dict[str, quality_table.Figures]:
        recipe = "baseline" if task.candidate == "baseline" else "logistic"
        return {recipe: dict.fromkeys(DIGITS, task.columns / 100)}

    monkeypatch.setattr(quality, "measure", measure)
    data = data_file(tmp_path / "companies.csv", companies())
    options = ["--repeats", "1", "--seeds", "5", "6", "--estimators", "logistic", "--columns", "8", "95"]
    quality.main([str(data), *options, "--processes", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    header, _, leak, *rest = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert header[3:-1] == list(DIGITS)
    # THEN the leak was measured: the 480 of one class are matched by as many, before Tomek links go
    assert leak[0].startswith("published protocol, which leaks (9")
    assert float(leak[3]) > 0.8
    assert [[*line[:4], line[-1]] for line in rest] == [
        ["later rows by earlier", "baseline", "50", "0.5000", "0.5000"],
        ["later rows by earlier", "logistic", "50", "0.5000", "0.5000"],
        ["earlier rows by later", "baseline", "50", "0.5000", "0.5000"],
        ["earlier rows by later", "logistic", "50", "0.5000", "0.5000"],
        ["cross-validation", "baseline", "50", "0.5000 ± 0.0000", "0.5000, 0.5000"],
        ["cross-validation", "logistic", "8", "0.0800 ± 0.0000", "0.0800, 0.0800"],
        ["cross-validation", "logistic", "all", "0.9500 ± 0.0000", "0.9500, 0.9500"],
    ]


def test_the_baseline_ranks_companies_that_it_has_not_seen(companies: Companies) -> None:
    frame, names = companies(), RATIOS[:10]
    X, y = frame[list(names)].to_numpy(), frame["Bankrupt?"].to_numpy()
    seen = np.arange(len(y)) % 2 == 0
    found = quality.predict_baseline(X[seen], y[seen], names, X[~seen], 3)["baseline"]
    assert found[y[~seen] == 1].mean() > found[y[~seen] == 0].mean() + 1


def prior(
    X: np.ndarray, y: np.ndarray, names: Sequence[str], judged: np.ndarray, seed: int
) -> dict[str, quality.Floats]:
    """Say the log-odds of bankruptcy among the companies learnt from, of everyone."""
    assert X.shape[1] == judged.shape[1] == len(names) == 5
    assert set(X[:, 0]).isdisjoint(judged[:, 0])
    share = y.mean()
    return {"prior": np.full(len(judged), np.log(share / (1 - share)))}


def test_each_fold_is_judged_by_a_fit_that_has_not_seen_it(companies: Companies) -> None:
    frame = companies(rows=300, bankrupt=60)
    # GIVEN the base rate for everyone
    inside, outside = np.arange(300) % 3 > 0, np.arange(300) % 3 == 0
    task = quality.Task(
        "cross-validation", "recommended", prior, 5, 1, np.flatnonzero(inside), np.flatnonzero(outside)
    )
    figures = quality.measure(frame, task)["prior"]
    y = frame["Bankrupt?"].to_numpy()
    expected = np.mean((y[outside] - y[inside].mean()) ** 2)
    # THEN no ranking, the base rate as precision, and the probability is the training companies' rate
    assert figures["ROC-AUC"] == 0.5
    assert figures["PR-AUC"] == pytest.approx(y[outside].mean())
    assert figures["Brier"] == pytest.approx(expected)


def test_folds_of_a_seed_cover_each_company_once_per_repeat(companies: Companies) -> None:
    frame = companies(rows=300, bankrupt=60)
    tasks = [
        task
        for task in quality.tasks_of(frame, [1, 2], 2, [7], ["logistic"])
        if task.protocol == "cross-validation" and task.candidate == "recommended"
    ]
    assert [task.seed for task in tasks] == [1] * 6 + [2] * 6
    for number in (1, 2):
        judged = np.concatenate([task.outside for task in tasks if task.seed == number])
        np.testing.assert_array_equal(np.sort(judged), np.repeat(np.arange(300), 2))
    assert all(set(task.inside).isdisjoint(task.outside) for task in tasks)


def test_the_blend_of_the_table_is_the_blend(companies: Companies, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "blend": lambda names, seed: recipes.blend(
            names, seed, bags=1, boosted_trees=5, nets=1, epochs=1, forest_trees=5
        ),
        "boosting": lambda names, seed: recipes.boosting(names, seed, bags=1, trees=5),
        "mlp-bag": lambda names, seed: recipes.mlp_bag(names, seed, nets=1, epochs=1),
        "forest": lambda names, seed: recipes.forest(names, seed, trees=5),
    }
    monkeypatch.setattr(quality, "ESTIMATORS", small)
    frame, names = companies(rows=300, bankrupt=60), RATIOS[:10]
    X, y = frame[list(names)].to_numpy(), frame["Bankrupt?"].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = quality.Recommended(["blend"])(X, y, names, X, 3)
        expected = pipeline_logit(small["blend"](names, 3).fit(X, y), X)
    assert set(found) == {"blend"}
    np.testing.assert_allclose(found["blend"], expected, rtol=1e-12)


def test_figures_are_stored_and_shown(tmp_path: Path) -> None:
    # GIVEN two seeds of two fits each
    fits = [dict.fromkeys(DIGITS, value) for value in (0.5, 0.7, 0.8, 0.8)]
    results = [
        Result("cross-validation", "blend", 95, seed, fits[at : at + 2]) for seed, at in ((1, 0), (2, 2))
    ]
    docs = tmp_path / "docs.md"
    docs.write_text("Before\n<!-- written by make bench-quality -->\nold\n<!-- end -->\nAfter\n")
    # WHEN they are stored THEN the page shows them in place of the old ones
    quality_table.store(results, tmp_path / "results" / "quality.json", docs)
    lines = docs.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("Before", "After")
    assert "old" not in lines
    assert "| cross-validation | blend | all | 0.7000 ± 0.1414 |" in docs.read_text()
    assert lines[-3].endswith("| 0.6000, 0.8000 |") or lines[-4].endswith("| 0.6000, 0.8000 |")


def test_the_page_shows_the_stored_figures() -> None:
    assert quality_table.chapter() in quality_table.DOCS.read_text(encoding="utf-8")


def test_without_real_data_it_says_where_to_get_it(
    companies: Companies, data_file: Callable[[Path, pd.DataFrame], Path], tmp_path: Path
) -> None:
    sample = data_file(tmp_path / "sample-data.csv", companies())
    with pytest.raises(SystemExit, match=r"this is sample data.*\n.*data set 572.*DATA=path"):
        quality.main([str(sample)])
    with pytest.raises(SystemExit, match=r"There is no data file .*none\.csv"):
        quality.main([str(tmp_path / "none.csv")])
