"""The quality benchmark: its table, its protocols, its plot, and its message without data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from benchmarks.common.figures import load
from benchmarks.quality import plot
from benchmarks.quality import recipes as quality
from benchmarks.quality import table as quality_table
from benchmarks.quality.table import DIGITS, Result
from steps.dataset.columns import RATIOS
from steps.estimators import recipes as estimators
from steps.measures.logits import pipeline_logit

SVG = "{http://www.w3.org/2000/svg}"
Companies = Callable[..., pd.DataFrame]


def test_the_table_has_a_line_per_protocol_estimator_and_number_of_columns(
    companies: Companies,
    data_file: Callable[[Path, pd.DataFrame], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # GIVEN fits that return at once
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
    # THEN the leak was measured: SMOTE brings both classes to 480, before Tomek links are removed
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


def test_the_baseline_ranks_companies_that_it_was_not_trained_on(companies: Companies) -> None:
    frame, names = companies(), RATIOS[:10]
    X, y = frame[list(names)].to_numpy(), frame["Bankrupt?"].to_numpy()
    seen = np.arange(len(y)) % 2 == 0
    found = quality.predict_baseline(X[seen], y[seen], names, X[~seen], 3)["baseline"]
    assert found[y[~seen] == 1].mean() > found[y[~seen] == 0].mean() + 1


def prior(
    X: np.ndarray, y: np.ndarray, names: Sequence[str], judged: np.ndarray, seed: int
) -> dict[str, quality.Floats]:
    """Return the training companies' base rate, as log-odds, for every company."""
    assert X.shape[1] == judged.shape[1] == len(names) == 5
    assert set(X[:, 0]).isdisjoint(judged[:, 0])
    share = y.mean()
    return {"prior": np.full(len(judged), np.log(share / (1 - share)))}


def test_each_fold_is_judged_by_a_fit_of_the_other_folds(companies: Companies) -> None:
    frame = companies(rows=300, bankrupt=60)
    # GIVEN a model that returns the base rate for every company
    inside, outside = np.arange(300) % 3 > 0, np.arange(300) % 3 == 0
    task = quality.Task(
        "cross-validation", "recommended", prior, 5, 1, np.flatnonzero(inside), np.flatnonzero(outside)
    )
    figures = quality.measure(frame, task)["prior"]
    y = frame["Bankrupt?"].to_numpy()
    expected = np.mean((y[outside] - y[inside].mean()) ** 2)
    # THEN it ranks by chance: precision is the base rate; its probability is the training companies' rate
    assert figures["ROC-AUC"] == 0.5
    assert figures["PR-AUC"] == pytest.approx(y[outside].mean())
    assert figures["Brier"] == pytest.approx(expected)


def test_the_folds_of_a_seed_cover_each_company_once_per_repeat(companies: Companies) -> None:
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


def test_the_blend_in_the_table_equals_the_fitted_blend(
    companies: Companies, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "blend": lambda names, seed: estimators.blend(names, seed, bags=1, boosted_trees=5, forest_trees=5),
        "boosting": lambda names, seed: estimators.boosting(names, seed, bags=1, trees=5),
        "forest": lambda names, seed: estimators.forest(names, seed, trees=5),
        "logistic": estimators.logistic,
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


def test_the_chapter_shows_means_deviations_and_seeds() -> None:
    # GIVEN two seeds of two fits each
    fits = [dict.fromkeys(DIGITS, value) for value in (0.5, 0.7, 0.8, 0.8)]
    results = [
        Result("cross-validation", "blend", 95, seed, fits[at : at + 2]) for seed, at in ((1, 0), (2, 2))
    ]
    document = {"measured": "2026-01-02", "machine": "2 cores", "results": [asdict(each) for each in results]}
    # WHEN they are shown
    lines = quality_table.chapter(document).splitlines()
    # THEN the table is folded and has one row for the recipe
    assert lines[0] == "Measured on 2026-01-02 by `make bench-quality` (2 cores)."
    assert "<details>" in lines
    (row,) = [
        line for line in lines if line.startswith("| cross-validation | blend | all | 0.7000 ± 0.1414 |")
    ]
    assert row.endswith("| 0.6000, 0.8000 |")


def test_the_plot_shows_the_leak_beside_the_honest_figures() -> None:
    drawing = ElementTree.fromstring(plot.draw(load(quality.QUALITY)))  # noqa: S314 - our own
    circles = [float(each.get("cx", 0)) for each in drawing.iter(f"{SVG}circle")]
    texts = {each.text for each in drawing.iter(f"{SVG}text")}
    # The leak lies to the right of all honest figures, and the blend to the right of the baseline.
    assert circles[0] == max(circles)
    assert circles[1] == min(circles)
    assert {"0.993 (one split)", "0.879 ± 0.020", "0.951 ± 0.010"} <= texts


def test_without_real_data_the_message_says_where_to_get_it(
    companies: Companies, data_file: Callable[[Path, pd.DataFrame], Path], tmp_path: Path
) -> None:
    sample = data_file(tmp_path / "sample-data.csv", companies())
    with pytest.raises(SystemExit, match=r"this is sample data.*\n.*data set 572.*DATA=path"):
        quality.main([str(sample)])
    with pytest.raises(SystemExit, match=r"The data file .*none\.csv does not exist"):
        quality.main([str(tmp_path / "none.csv")])
