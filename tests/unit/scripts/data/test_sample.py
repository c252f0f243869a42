"""Sample data has the shape of the real file, depends only on the seed, and can be learned from."""

import io

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from scripts.data.firms import infer_links
from scripts.data.sample import csv_bytes, generate
from scripts.data.sample_statistics import STATISTICS_PATH, averaged_quantiles, make_statistics, repair_units


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    return generate()


def test_the_sample_has_the_shape_of_the_real_file(sample: pd.DataFrame) -> None:
    assert sample.shape == (6819, 97)
    assert (sample.columns[0], sample.columns[-1]) == ("Bankrupt?", "firm_id")
    assert all(name.startswith(" ") for name in sample.columns[1:-1])
    assert sample.columns.is_unique
    assert sample["Bankrupt?"].value_counts().to_dict() == {0: 6599, 1: 220}
    assert np.isfinite(sample.iloc[:, :-1].to_numpy()).all()


def test_the_sample_has_the_oddities_of_the_real_file(sample: pd.DataFrame) -> None:
    ratios = sample.iloc[:, 1:-1]
    assert (ratios[" Net Income Flag"] == 1).all()
    assert ratios.columns[ratios.nunique() == 1].tolist() == [" Net Income Flag"]
    for copy, original in (
        (" Current Liability to Liability", " Current Liabilities/Liability"),
        (" Current Liability to Equity", " Current Liabilities/Equity"),
    ):
        assert ratios[copy].equals(ratios[original])
    assert (ratios >= 0).all(axis=None)
    highest = ratios.max()
    assert 20 <= (highest > 1).sum() <= 24
    assert 9e9 < highest.max() <= 1e10
    assert (ratios[" Cash Turnover Rate"] > 1).mean() == pytest.approx(4239 / 6819, abs=0.03)


def test_the_sample_ranks_companies_about_as_well_as_the_real_file(sample: pd.DataFrame) -> None:
    model = make_pipeline(
        QuantileTransformer(n_quantiles=200, output_distribution="normal"),
        LogisticRegression(C=0.03, max_iter=1000),
    )
    target = sample["Bankrupt?"]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    scores = cross_val_predict(model, sample.iloc[:, 1:-1], target, cv=folds, method="predict_proba")[:, 1]

    assert 0.90 < roc_auc_score(target, scores) < 0.97


def test_the_sample_lists_the_firms_of_an_industry_once_a_year(sample: pd.DataFrame) -> None:
    links = infer_links(sample.iloc[:, 1:-1].to_numpy(dtype=float))
    firm = sample["firm_id"].to_numpy()
    right = firm[links.earlier] == firm[links.later]
    # The firms can be inferred from the order of the rows, as in the real file.
    assert right.mean() > 0.97
    assert right.sum() > 2000
    sizes = sample.groupby("firm_id").size()
    assert (sizes.max(), sizes.median()) == (5, 5)


def test_a_firm_that_went_bankrupt_has_no_later_row(sample: pd.DataFrame) -> None:
    last = sample.groupby("firm_id").tail(1)
    assert last["Bankrupt?"].sum() == sample["Bankrupt?"].sum() == 220


def test_industries_have_other_bankruptcy_rates(sample: pd.DataFrame) -> None:
    industry = np.arange(len(sample)) * 20 // len(sample)
    bankrupt = sample["Bankrupt?"].groupby(industry).sum()
    # With equal rates, the variance would be about the mean, 11.
    assert bankrupt.var() > 3 * bankrupt.mean()


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = csv_bytes(rows=300, seed=3)

    assert csv_bytes(rows=300, seed=3) == first
    assert csv_bytes(rows=300, seed=4) != first
    assert pd.read_csv(io.BytesIO(first)).equals(generate(300, 3))


@pytest.mark.parametrize(("rows", "bankrupt"), [(2, 1), (100, 3), (1000, 32)])
def test_classes_scale_with_the_rows(rows: int, bankrupt: int) -> None:
    target = generate(rows)["Bankrupt?"]
    assert (len(target), target.sum()) == (rows, bankrupt)


def test_too_few_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 2 rows, one per class; given 1"):
        generate(1)


def test_the_statistics_of_the_sample_match_those_that_it_was_drawn_from(sample: pd.DataFrame) -> None:
    again = make_statistics(sample.iloc[:, :-1])
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        assert again["columns"].tolist() == stored["columns"].tolist()
        assert again["sources"].tolist() == stored["sources"].tolist()
        assert again["class_counts"].tolist() == [6599, 220]
        assert np.abs(again["locations"] - stored["locations"]).max() < 0.3
        correlations = [factor @ factor.T for factor in (again["factors"][0], stored["factors"][0])]
        assert np.abs(correlations[0] - correlations[1]).mean() < 0.02


def test_the_statistics_are_small_and_contain_no_row() -> None:
    assert STATISTICS_PATH.stat().st_size <= 300_000
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        companies = stored["class_counts"].sum()
        assert all(companies not in stored[name].shape for name in stored.files)


def test_a_quantile_is_the_mean_of_five_companies() -> None:
    values = np.array([100.0, 2, 1, 3, 4, 5, 6, 7, 8, 9])
    assert averaged_quantiles(values, np.array([0.0, 0.5, 1.0])).tolist() == [3.0, 5.0, 26.0]


def test_units_are_repaired() -> None:
    assert repair_units(np.array([0.0, 0.0004, 4980000000.0])).tolist() == pytest.approx([0.0, 4.0, 0.498])
