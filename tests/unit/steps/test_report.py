"""report.html: its contents, and the escaping of names from the data."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steps import evaluate
from steps.dataset.directions import DIRECTIONS
from steps.dataset.known_files import UCI_SHA256
from steps.judging.judged_model import JudgedModel, judge
from steps.measures.importance import permutation_importance
from steps.report.charts import squares, wilson
from steps.report.markup import Markup, element, percent
from steps.report.page import render
from steps.report.plot import Axis, Plot, log_odds
from steps.report.style import STYLE
from steps.report.subject import Subject
from steps.split import BY_FIRM_ID

HOSTILE = '</title></style><script>alert("1")</script><img src=x onerror=alert(2)>\'&'


class Page(HTMLParser):
    """Collects a page's elements and text, and checks that all elements are closed correctly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "hr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@dataclasses.dataclass(frozen=True)
class Evaluated:
    """An execution that was compared with a champion, with the inputs of its report."""

    root: Path
    html: str
    evaluation: dict[str, Any]

    def subject(self, space: Any, **changes: Any) -> Subject:
        import pandas as pd

        test = pd.read_parquet(space.folder("test") / "test.parquet")
        models: dict[str, JudgedModel] = {
            name: judge(space.folder(name) / "model.tar.gz", self.root / name, test, 42, name)
            for name in ("baseline", "recommended")
        }
        selected = models[self.evaluation["selected"]["candidate"]]
        names = [feature["name"] for feature in selected.facts["features"]]
        y = test["Bankrupt?"].to_numpy()
        importance = permutation_importance(selected.predict_proba, selected.X, y, names, 42)
        features = json.loads((space.folder("features") / "features.json").read_text())
        made = Subject(
            self.evaluation, y, models, importance, features, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
        )
        return dataclasses.replace(made, **changes)


@pytest.fixture(scope="module")
def evaluated(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> Evaluated:
    root = tmp_path_factory.mktemp("report")
    (root / "champion").mkdir()
    shutil.copy(trained.folder("baseline") / "model.tar.gz", root / "champion")
    own = [word for name in ("champion", "evaluation", "model") for word in (f"--{name}", str(root / name))]
    shared = trained.arguments("baseline", "recommended", "test", "features")
    evaluate.main([*shared, *own, "--execution-id", "exec1"])
    evaluation = json.loads((root / "evaluation" / "evaluation.json").read_text())
    return Evaluated(root, (root / "evaluation" / "report.html").read_text(encoding="utf-8"), evaluation)


def test_the_report_warns_that_rows_of_one_firm_can_be_on_both_sides(
    evaluated: Evaluated, trained: Any
) -> None:
    warning = "The data file has no column firm_id."
    assert warning in Page(evaluated.html).words
    # GIVEN a file that names the firms
    subject = evaluated.subject(trained)
    split = {**subject.features["split"], "rule": BY_FIRM_ID}
    named = dataclasses.replace(subject, features={**subject.features, "split": split})
    # THEN there is no warning, and the rule is shown
    words = Page(render(named)).words
    assert warning not in words
    assert f"Unseen companies: {BY_FIRM_ID}." in words


def test_the_calibration_error_stands_beside_that_of_perfect_probabilities(evaluated: Evaluated) -> None:
    selected = evaluated.evaluation["candidates"][evaluated.evaluation["selected"]["candidate"]]
    floor = selected["ece_noise_floor"]
    assert 0 < floor < 0.1
    assert f"with so many companies, perfect probabilities have {floor:.4f}" in Page(evaluated.html).words


def test_the_report_is_one_self_contained_page(evaluated: Evaluated) -> None:
    page = Page(evaluated.html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.elements)
    links = [value for name, value in page.attributes if name == "href"]
    assert links == [f"#{value}" for name, value in page.attributes if name == "id"]
    assert len(links) == 9
    assert not [value for name, value in page.attributes if name == "src" or name.startswith("on")]
    assert "url(" not in STYLE
    assert page.elements.count("section") == 9
    assert len(evaluated.html) < 300_000


def test_the_report_has_verdict_metrics_and_provenance(evaluated: Evaluated) -> None:
    words = Page(evaluated.html).words
    evaluation = evaluated.evaluation
    selected = evaluation["candidates"]["recommended"]
    assert evaluation["gate"]["reason"] in words
    assert "passed the gate" in words
    assert f"{selected['roc_auc']['value']:.3f}" in words
    assert "baseline" in words
    assert "champion" in words
    assert evaluation["data"]["sha256"] in words
    for name, value in evaluation["provenance"]["parameters"].items():
        assert f"parameter {name} {value}" in words


def test_the_report_shows_how_robust_the_candidates_are(evaluated: Evaluated) -> None:
    words = Page(evaluated.html).words
    candidates = evaluated.evaluation["candidates"]
    names = sorted(candidates, key=lambda name: name != evaluated.evaluation["selected"]["candidate"])
    found = [candidates[name]["robustness"] for name in names]

    def row(name: str, shares: list[float]) -> str:
        return " ".join([name, *map(percent, shares)]).replace("\u00a0", " ")

    for digits in ("3", "4", "6"):
        assert row(f"digit {digits}", [each["level_changes"][digits] for each in found]) in words
    # Every ratio with a direction that a candidate uses has a row, with its reason.
    used = {ratio for each in found for ratio in each["wrong_way"]}
    assert len(used) > 5
    for ratio in used:
        shares = [each["wrong_way"].get(ratio, float("nan")) for each in found]
        assert row(DIRECTIONS[ratio][1], shares) in words
    assert set(candidates["recommended"]["robustness"]["wrong_way"].values()) == {0.0}


def test_the_evaluation_has_importance_and_drift(evaluated: Evaluated) -> None:
    evaluation = evaluated.evaluation
    lost = [feature["lost"] for feature in evaluation["importance"]]
    assert lost == sorted(lost, reverse=True)
    # The classes only differ in the first eight ratios.
    assert lost[0] > 0.01
    # Both samples come from the same distribution.
    assert evaluation["drift"]["probability"] < 0.5
    assert evaluation["drift"]["trained_on"]["data_sha256"] == evaluation["data"]["sha256"]
    assert "The champion was trained on the same data file." in Page(evaluated.html).words


def test_markup_in_names_is_escaped(evaluated: Evaluated, trained: Any) -> None:
    # GIVEN a column, a file, an execution and an estimator with markup in their names
    made = evaluated.subject(trained)
    selected = made.selected
    features = [dict(feature) for feature in selected.facts["features"]]
    renamed = features[0]["name"]
    features[0]["name"] = HOSTILE
    facts = {**selected.facts, "features": features, "estimator": HOSTILE}
    importance = [
        dataclasses.replace(each, name=HOSTILE) if each.name == renamed else each for each in made.importance
    ]
    evaluation = json.loads(json.dumps(made.evaluation).replace("exec1", "EXECUTION"))
    evaluation["execution_id"] = evaluation["data"]["file"] = evaluation["selected"]["estimator"] = HOSTILE
    evaluation["gate"]["reason"] = evaluation["champion"]["reason"] = HOSTILE
    evaluation["champion"]["compared"] = False
    evaluation["drift"]["features"][HOSTILE] = 9.0
    rejected = {HOSTILE: HOSTILE}
    candidates = {
        made.selected_name: {**made.features["candidates"][made.selected_name], "rejected": rejected}
    }
    # WHEN the report is rendered
    html = render(
        dataclasses.replace(
            made,
            evaluation=evaluation,
            importance=importance,
            models={**made.models, made.selected_name: dataclasses.replace(selected, facts=facts)},
            features={**made.features, "candidates": candidates},
        )
    )
    # THEN the names are shown as text
    page = Page(html)
    assert page.words.count(re.sub(r"\s+", " ", HOSTILE)) >= 8
    assert not {"script", "img"} & set(page.elements)
    assert "<script" not in html
    assert "<img" not in html


def test_the_report_warns_about_other_data(evaluated: Evaluated, trained: Any) -> None:
    def words(file: str, sha256: str) -> str:
        evaluation = {**evaluated.evaluation, "data": {"file": file, "sha256": sha256}}
        return Page(render(evaluated.subject(trained, evaluation=evaluation))).words

    assert "Sample data: the companies are invented" in words("sample-data.csv", "0" * 64)
    assert "This is not the UCI data set 572. The figures are about the companies in mine.csv." in words(
        "mine.csv", "0" * 64
    )
    real = words("taiwanese_bankruptcy.csv", UCI_SHA256[0])
    assert "Sample data" not in real
    assert "not the UCI" not in real


def test_the_report_warns_if_the_champion_was_not_compared(evaluated: Evaluated, trained: Any) -> None:
    champion = {"compared": False, "reason": "CompareWithChampion is no"}
    evaluation = {**evaluated.evaluation, "champion": champion, "drift": None}
    words = Page(render(evaluated.subject(trained, evaluation=evaluation))).words
    assert "not compared with the champion" in words
    assert "NOT compared with the champion: CompareWithChampion is no." in words
    assert "The champion was not compared." in words


def test_elements_escape_text_and_attributes_and_keep_markup() -> None:
    inner = element("b", "1 < 2")
    assert inner == "<b>1 &lt; 2</b>"
    assert element("p", inner, None, ["&", Markup("&amp;")], 3) == "<p><b>1 &lt; 2</b>&amp;&amp;3</p>"
    assert element("p", class_='a"b', data_label="c", id=None) == '<p class="a&quot;b" data-label="c"></p>'
    assert element("meta", name="x", r=2.0) == '<meta name="x" r="2">'


def test_percent() -> None:
    assert percent(0.1234) == "12.3\u00a0%"
    assert percent(float("nan")) == "–"


def test_wilson_interval() -> None:
    # R's prop.test(10, 100, correct = FALSE) returns this interval.
    assert wilson(10, 100) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(0, 10)[0] == 0.0


def test_squares_are_companies_or_percentages() -> None:
    assert squares([("high", 3), ("low", 4)]).count("<rect") == 7
    many = squares([("high", 5), ("medium", 44), ("low", 856)])
    assert (many.count("level-medium"), many.count("<rect")) == (5, 100)


def test_axes_position_values_and_clip_those_outside() -> None:
    axis = Axis("p", 0.001, 0.999, [], log_odds)
    assert axis.position(0.5) == pytest.approx(0.5)
    assert axis.position(0.0) == 0
    plot = Plot("t", axis, Axis("q", 0, 1, []))
    plot.line(np.linspace(0, 1, 10_000), np.linspace(0, 1, 10_000), "x")
    assert plot.marks[0].count(",") == 400


def test_importance_finds_used_features_and_samples_large_data() -> None:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(30_000, 40))
    y = (X[:, 3] + 0.5 * X[:, 7] + generator.normal(size=len(X)) > 2.5).astype(int)
    asked = []

    def predict(rows: Any) -> Any:
        asked.append(len(rows))
        return rows[:, 3] + 0.5 * rows[:, 7]

    found = permutation_importance(predict, X, y, [str(at) for at in range(40)], seed=1)
    assert [each.name for each in found[:2]] == ["3", "7"]
    assert found[0].lost > found[1].lost > 0.02
    assert all(each.lost == 0 for each in found[2:])
    assert sum(asked) <= 61_000
