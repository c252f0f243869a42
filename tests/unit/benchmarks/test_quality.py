"""The quality benchmark: its table, its protocols, its plot, and its message without data."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from benchmarks.quality import plot, protocols
from benchmarks.quality import recipes as quality
from benchmarks.quality import table as quality_table
from benchmarks.quality.table import DIGITS, Result
from steps.dataset.columns import RATIOS
from steps.estimators import recipes as estimators
from steps.measures.logits import pipeline_logit

SVG = "{http://www.w3.org/2000/svg}"
Companies = Callable[..., pd.DataFrame]


def test_every_recipe_is_judged_in_three_ways(
    companies: Companies,
    data_file: Callable[[Path, pd.DataFrame], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # GIVEN fits that return at once, and rank every part perfectly
    def predict(frame: pd.DataFrame, task: quality.Task) -> dict[tuple[str, int], quality.Floats]:
        logit = frame["Bankrupt?"].to_numpy()[task.outside] - 0.5
        found = {("logistic", columns): logit for columns in task.columns}
        return found | ({("baseline", 50): logit} if 50 in task.columns else {})

    monkeypatch.setattr(quality, "predict", predict)
    data = data_file(tmp_path / "companies.csv", companies())
    options = ["--seeds", "5", "6", "--estimators", "logistic", "--columns", "50", "95"]
    quality.main([str(data), *options, "--processes", "1"])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    header, _, leak, *rest = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert header[3:-1] == list(DIGITS)
    # THEN the leak was measured: SMOTE brings both classes to 480, before Tomek links are removed
    assert leak[0].startswith("published protocol, which leaks (9")
    assert float(leak[3]) > 0.8
    # AND each protocol judged every company, with one figure per seed
    blocks = ["10", "10, borders shifted", "17", "17, borders shifted"]
    ways = ["random rows", "firms apart", *(f"blocks apart: {layout}" for layout in blocks)]
    expected = [("random rows", "logistic", "all")]
    expected += [(way, recipe, "50") for way in ways for recipe in ("logistic", "baseline")]
    assert sorted(tuple(line[:3]) for line in rest) == sorted(expected)
    for line in rest:
        assert line[3:5] == ["1.0000", "1.0000"]
        assert line[-1] == "1.0000, 1.0000"


def test_the_baseline_ranks_companies_that_it_was_not_trained_on(companies: Companies) -> None:
    frame, names = companies(), RATIOS[:10]
    X, y = frame[list(names)].to_numpy(), frame["Bankrupt?"].to_numpy()
    seen = np.arange(len(y)) % 2 == 0
    found = quality.predict_baseline(X[seen], y[seen], names, X[~seen], 3)["baseline"]
    assert found[y[~seen] == 1].mean() > found[y[~seen] == 0].mean() + 1


def memory(
    X: np.ndarray, y: np.ndarray, names: Sequence[str], judged: np.ndarray, seed: int
) -> dict[str, quality.Floats]:
    """Return a logit that knows the training companies: 9 for each of them, -9 for others."""
    assert X.shape[1] == judged.shape[1] == len(names) == 5
    known = set(X[:, 0])
    return {"memory": np.array([9.0 if first in known else -9.0 for first in judged[:, 0]])}


def test_each_part_is_judged_by_fits_on_the_others(companies: Companies) -> None:
    frame = companies(rows=300, bankrupt=60)
    part = np.arange(300) % 3
    for inside, outside in protocols.Protocol("random rows", part, part).folds():
        assert set(part[inside]).isdisjoint(part[outside])
        task = quality.Task(protocols.Protocol("random rows", part, part), memory, [5], 1, inside, outside)
        assert set(quality.predict(frame, task)["memory", 5]) == {-9.0}


def test_parts_of_firms_and_blocks_keep_firms_whole() -> None:
    # GIVEN a file of firms with three rows each, 40 rows apart
    rows = np.arange(1200)
    firm = rows // 120 * 40 + rows % 40
    y = (rows % 25 == 0).astype(np.int8)
    found = {protocol.name: protocol for protocol in protocols.protocols(y, firm, 10, seed=3)}
    assert list(found)[:2] == ["random rows", "firms apart"]
    for name, protocol in found.items():
        parts_of_firm = [len(set(protocol.part[firm == number])) for number in np.unique(firm)]
        assert max(parts_of_firm) == (3 if name == "random rows" else 1), name
        sizes = np.bincount(protocol.part)
        assert (sizes.max() < 1.5 * 1200 / 10) or "17" in name, name
        held_out = np.concatenate([outside for _, outside in protocol.folds()])
        assert sorted(held_out) == list(range(1200)), name
    # AND blocks are contiguous, except for firms that are moved across a border as a whole
    ten = found["blocks apart: 10"].part
    assert ten.tolist() == (rows // 120).tolist()
    shifted = found["blocks apart: 10, borders shifted"].part
    assert len(set(shifted)) == 11
    assert shifted[0] == 0
    assert np.all(np.abs(shifted - (rows / 120 + 0.5)) <= 1.4)


def test_within_blocks_the_level_of_a_block_does_not_count() -> None:
    # GIVEN a score that ranks within blocks, and is higher in the block with fewer bankruptcies
    block = np.repeat([0, 1], 50)
    y = np.r_[np.arange(50) < 20, np.arange(50) < 2].astype(np.int8)
    score = 0.1 + 0.2 * y + 0.5 * block
    assert protocols.roc_auc_within(y, score, block) == 1
    assert protocols.figures(y, score, block)["ROC-AUC"] < 0.6
    # A block without bankruptcies has no ranking.
    assert protocols.roc_auc_within(np.r_[y, 0], np.r_[score, 0.9], np.r_[block, 2]) == 1


def test_the_blend_in_the_table_equals_the_fitted_blend(
    companies: Companies, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {
        "blend": lambda names, seed: estimators.blend(names, seed, bags=1, boosted_trees=5, forest_trees=5),
        "boosting": lambda names, seed: estimators.boosting(names, seed, bags=1, trees=5),
        "forest": lambda names, seed: estimators.forest(names, seed, trees=5),
        "logistic": estimators.logistic,
        "networks": estimators.networks,
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


def result(protocol: str, recipe: str, roc_auc: float, columns: int = 50, seed: int = 1) -> Result:
    figures = {**dict.fromkeys(DIGITS, 0.5), "ROC-AUC": roc_auc}
    return Result(protocol, recipe, columns, seed, figures, {"ROC-AUC": (roc_auc - 0.01, roc_auc + 0.01)})


def test_the_chapter_shows_means_over_seeds_and_layouts() -> None:
    # GIVEN two seeds, and two layouts of blocks
    results = [
        result("random rows", "blend", 0.95),
        result("random rows", "blend", 0.96, seed=2),
        result("random rows", "blend", 0.97, columns=95),
        result("firms apart", "blend", 0.94),
        result("blocks apart: 10", "blend", 0.92),
        result("blocks apart: 17", "blend", 0.94),
        *(
            result(way, recipe, 0.8)
            for way in ("random rows", "firms apart", "blocks apart: 10")
            for recipe in ("logistic", "baseline")
        ),
    ]
    document = {"measured": "2026-01-02", "machine": "2 cores", "results": [asdict(each) for each in results]}
    # WHEN they are shown
    lines = quality_table.chapter(document).splitlines()
    # THEN the three ways come first, and everything else is folded
    assert lines[0] == "Measured on 2026-01-02 by `make bench-quality` (2 cores)."
    start = {line.split("|")[2].strip(): line for line in lines if line.startswith("| blend | ")}
    assert start["random rows"].startswith("| blend | random rows | 0.9550 (0.945 to 0.965) | 0.5000 |")
    assert start["blocks apart"].startswith("| blend | blocks apart | 0.9300 (0.920 to 0.940) |")
    assert lines.index("<details>") > lines.index(start["blocks apart"])
    assert any(line.startswith("| random rows | blend | all | 0.9700 |") for line in lines)
    assert any(line.endswith("| 0.9500, 0.9600 |") for line in lines)


def test_the_plot_shows_the_leak_beside_the_honest_figures() -> None:
    leak = Result("published protocol, which leaks", "baseline", 50, 42, {"ROC-AUC": 0.993}, {})
    ways = [("random rows", 0.95), ("firms apart", 0.945), ("blocks apart: 10", 0.94)]
    results = [leak, result("random rows", "baseline", 0.88), *(result(way, "blend", at) for way, at in ways)]
    drawing = ElementTree.fromstring(plot.draw({"results": [asdict(each) for each in results]}))  # noqa: S314
    circles = [float(each.get("cx", 0)) for each in drawing.iter(f"{SVG}circle")]
    # In the order of the bars: the leak, the baseline, and the blend in three ways.
    assert [sorted(circles).index(each) for each in circles] == [4, 0, 3, 2, 1]
    texts = {each.text for each in drawing.iter(f"{SVG}text")}
    assert {"0.993 (one split)", "0.940 (0.930 to 0.950)"} <= texts


def test_no_bar_of_the_measured_figures_runs_into_its_label() -> None:
    document = json.loads(quality.QUALITY.read_text(encoding="utf-8"))
    drawing = ElementTree.fromstring(plot.draw(document))  # noqa: S314 - our own
    bars = [each for each in drawing.iter(f"{SVG}line") if str(each.get("class")).startswith("bar")]
    assert len(bars) == len(plot.BARS)
    assert min(float(each.get("x1", 0)) for each in bars) >= plot.LEFT


def test_recipes_that_were_not_measured_are_left_out() -> None:
    results = [asdict(result("random rows", "logistic", 0.94))]
    document = {"measured": "2026-01-02", "machine": "2 cores", "results": results}
    assert "| logistic | random rows | 0.9400 (0.930 to 0.950) |" in quality_table.chapter(document)
    assert "blend" not in quality_table.chapter(document)
    drawing = ElementTree.fromstring(plot.draw(document))  # noqa: S314 - our own
    assert not list(drawing.iter(f"{SVG}circle"))


def test_without_real_data_the_message_says_where_to_get_it(
    companies: Companies, data_file: Callable[[Path, pd.DataFrame], Path], tmp_path: Path
) -> None:
    sample = data_file(tmp_path / "sample-data.csv", companies())
    with pytest.raises(SystemExit, match=r"this is sample data.*\n.*data set 572.*DATA=path"):
        quality.main([str(sample)])
    with pytest.raises(SystemExit, match=r"The data file .*none\.csv does not exist"):
        quality.main([str(tmp_path / "none.csv")])
