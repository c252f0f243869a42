"""The report's sections on what goes in: features that matter, the data, its drift, where all comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steps.measures.metrics import Floats
from steps.report import charts
from steps.report.markup import Markup, element, percent
from steps.report.subject import Subject
from steps.report.tables import Row, table

_SHOWN = 12
_DRIFTING_SHOWN = 8
# Siddiqi (2006): below the first a distribution counts as stable, above the second as shifted.
_WATCH, _SHIFT = 0.1, 0.25


def features(subject: Subject) -> Markup:
    """Return which features matter, with what the two kinds of companies have of them."""
    headings = ["feature", "", "ROC-AUC lost", "median, bankrupt", "median, others"]
    if _stability(subject):
        headings.append("kept in resamples")
    rows = [_feature_row(subject, at) for at in range(len(subject.importance))]
    more = None
    if len(rows) > _SHOWN:
        more = element(
            "details",
            element("summary", f"The other {len(rows) - _SHOWN} features"),
            table(headings, rows[_SHOWN:]),
        )
    return element(
        "section",
        element("h2", "Which features matter"),
        element(
            "p",
            "ROC-AUC lost on unseen companies when a feature's values are mixed up among them. Of features "
            "that say the same each looks small, since the others stand in for it; below 0 is chance. "
            "Values above 1 in a column of ratios come from the data file, see the model card.",
            class_="lead",
        ),
        table(headings, rows[:_SHOWN]),
        more,
    )


def data(subject: Subject) -> Markup:
    """Return what the data holds, and how far it lies from what the champion was trained on."""
    split = subject.features["split"]
    rows = [
        _counts_row(name, split[key])
        for key, name in (("train", "training companies"), ("test", "unseen companies"))
    ]
    rejected = subject.features["candidates"][subject.selected_name]["rejected"]
    unusable = {name: why for name, why in rejected.items() if not why.startswith("lower score")}
    used = len(subject.selected.facts["features"])
    return element(
        "section",
        element("h2", "The data"),
        element(
            "div",
            element(
                "div",
                table(["", "companies", "bankrupt", "share"], rows, kind="scroll"),
                element("p", f"Split: {split['rule']}.", class_="small muted"),
            ),
            element(
                "div",
                element("h3", f"{used} features are used"),
                element("p", f"{len(rejected) - len(unusable)} scored lower; {len(unusable)} can't be used:")
                if unusable
                else element("p", f"{len(rejected)} scored lower."),
                element("dl", [[element("dt", name), element("dd", why)] for name, why in unusable.items()]),
            ),
            class_="pair",
        ),
        _profile(subject),
        _drift(subject),
    )


def provenance(subject: Subject) -> Markup:
    """Return data, code, parameters and versions: what it takes to make the same model again."""
    facts = subject.evaluation["provenance"]
    source = subject.evaluation["data"]
    entries: list[tuple[str, object]] = [
        ("execution", subject.evaluation["execution_id"] or "outside of a pipeline"),
        ("data file", source["file"]),
        ("data sha256", element("code", source["sha256"])),
        ("contract", element("code", subject.evaluation["selected"]["contract"])),
    ]
    entries += [(f"parameter {name}", str(value)) for name, value in facts["parameters"].items()]
    entries += [
        (f"code of {step}", element("code", sha256 or "outside of a pipeline"))
        for step, sha256 in facts["code_sha256"].items()
    ]
    entries.append(("versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items())))
    listed = [[element("dt", name), element("dd", value)] for name, value in entries]
    return element("section", element("h2", "Where it comes from"), element("dl", listed))


def _feature_row(subject: Subject, at: int) -> Row:
    feature = subject.importance[at]
    # 1e-9 only keeps a model that no feature matters to from a division by zero.
    largest = max(1e-9, *(each.lost + each.standard_deviation for each in subject.importance))
    column = _column(subject, feature.name)
    lowest, highest = feature.lost - feature.standard_deviation, feature.lost + feature.standard_deviation
    return Row(
        feature.name,
        [
            charts.bar(feature.lost / largest, "", (lowest / largest, highest / largest)),
            f"{feature.lost:.4f} ± {feature.standard_deviation:.4f}",
            *(f"{np.median(column[subject.y == label]):.4g}" for label in (1, 0)),
            *([percent(kept.get(feature.name, np.nan), 0)] if (kept := _stability(subject)) else []),
        ],
    )


def _stability(subject: Subject) -> Mapping[str, float]:
    """Return how often each feature was chosen from resamples; empty where none were drawn."""
    candidate = subject.features["candidates"][subject.selected_name]
    stability: Mapping[str, float] = candidate.get("stability", {})
    return stability


def _profile(subject: Subject) -> Markup:
    """Return what the unseen companies have of each feature, and how many lie beyond those trained on."""
    rows = []
    for feature in subject.selected.facts["features"]:
        column = _column(subject, feature["name"])
        beyond = int(np.sum((column < feature["min"]) | (column > feature["max"])))
        numbers = [f"{number:.4g}" for number in (np.min(column), np.median(column), np.max(column))]
        rows.append(Row(feature["name"], [*numbers, percent(float(np.mean(column > 1))), str(beyond)]))
    headings = ["feature", "lowest", "median", "highest", "above 1", "beyond training"]
    caption = "The unseen companies; the last column counts those below or above every training company."
    return element(
        "details", element("summary", "Profile of the features used"), table(headings, rows, caption)
    )


def _column(subject: Subject, name: str) -> Floats:
    names = [feature["name"] for feature in subject.selected.facts["features"]]
    column: Floats = subject.selected.X[:, names.index(name)]
    return column


def _drift(subject: Subject) -> list[Markup]:
    title = element("h3", "Drift since the champion was trained")
    found = subject.evaluation["drift"]
    if found is None:
        return [title, element("p", _why_no_drift(subject), class_="muted")]
    then, now = found["trained_on"], subject.features["split"]["train"]
    ranked = sorted(found["features"].items(), key=lambda item: -item[1])
    shifted = sum(index > _SHIFT for _, index in ranked)
    same = then["data_sha256"] == subject.evaluation["data"]["sha256"]
    words = [
        "Trained on the same data file. " if same else None,
        f"Bankrupt then: {percent(then['bankruptcies'] / then['companies'], 2)} of {then['companies']:,} "
        "companies; "
        f"now: {percent(now['bankruptcies'] / now['companies'], 2)} of {now['companies']:,}. "
        f"Population stability index of its probabilities: {found['probability']:.3f}, "
        f"{_WORDS[_verdict(found['probability'])]}. Of its {len(ranked)} features {shifted} shifted.",
    ]
    rows = [
        Row(
            name,
            [
                charts.bar(index / max(ranked[0][1], _SHIFT), _verdict(index)),
                f"{index:.3f}",
                _WORDS[_verdict(index)],
            ],
        )
        for name, index in ranked[:_DRIFTING_SHOWN]
    ]
    caption = (
        "Population stability index of unseen companies against the champion's training data; below "
        f"{_WATCH} is stable, above {_SHIFT} shifted. The {len(rows)} largest."
    )
    headings = ["feature of the champion", "", "index", "verdict"]
    return [title, element("p", words), table(headings, rows, caption)]


_WORDS = {"calm": "stable", "watch": "moving", "shift": "shifted"}


def _verdict(index: float) -> str:
    return "shift" if index > _SHIFT else "watch" if index > _WATCH else "calm"


def _why_no_drift(subject: Subject) -> str:
    if subject.evaluation["champion"] is None:
        return "No model was in service."
    if subject.champion is None:
        return "The champion was not compared."
    return "The champion carries no profile of its training data."


def _counts_row(name: str, counts: Mapping[str, Any]) -> Row:
    share = percent(counts["bankruptcies"] / counts["companies"], 2)
    return Row(name, [f"{counts['companies']:,}", f"{counts['bankruptcies']:,}", share])
