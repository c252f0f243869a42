"""Report sections about the inputs: important features, data, drift and provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from steps.measures.metrics import Floats
from steps.report import charts
from steps.report.markup import Markup, element, join, lead, note, pair, panel, percent
from steps.report.subject import Subject
from steps.report.tables import Row, table
from steps.split import BY_FIRM_ID

_SHOWN = 12
_DRIFTING_SHOWN = 8
# Siddiqi (2006): below the first a distribution is stable, above the second it has shifted.
_WATCH, _SHIFT = 0.1, 0.25
_NO_FIRMS = (
    "The data file has no column firm_id. If a firm has several rows, for example one for each year, some "
    "can be training companies and others unseen companies. Then all figures here are too optimistic."
)


def features(subject: Subject) -> Markup:
    """Return the importance of each feature, with its median in bankrupt and other companies."""
    headings = ["feature", "", "ROC-AUC lost", "median, bankrupt", "median, others"]
    if _stability(subject):
        headings.append("selected in resamples")
    rows = [_feature_row(subject, index) for index in range(len(subject.importance))]
    more = None
    if len(rows) > _SHOWN:
        more = element(
            "details",
            element("summary", f"The other {len(rows) - _SHOWN} features"),
            table(headings, rows[_SHOWN:]),
        )
    words = (
        "A feature's importance is the ROC-AUC that is lost on unseen companies when its values are "
        "shuffled. If features carry the same information, each looks unimportant, because the others "
        "replace it. Losses below 0 are due to chance. Some columns mix two units, so their medians can "
        "be huge; the model card explains this."
    )
    return join([lead(words), table(headings, rows[:_SHOWN]), more])


def data(subject: Subject) -> Markup:
    """Return the size of the data, the unusable columns, and the drift since the champion was trained."""
    split = subject.features["split"]
    rows = [
        _counts_row(name, split[key])
        for key, name in (("train", "training companies"), ("test", "unseen companies"))
    ]
    rejected = subject.features["candidates"][subject.selected_name]["rejected"]
    unusable = {name: why for name, why in rejected.items() if not why.startswith("lower score")}
    used = len(subject.selected.facts["features"])
    lower = f"{len(rejected) - len(unusable)} others scored lower"
    return join(
        [
            pair(
                element(
                    "div",
                    table(["", "companies", "firms", "bankrupt", "share"], rows, kind="scroll"),
                    note(f"Unseen companies: {split['rule']}."),
                    None if split["rule"] == BY_FIRM_ID else element("p", _NO_FIRMS, class_="banner"),
                ),
                panel(
                    f"{used} features are used",
                    element("p", f"{lower}; {len(unusable)} cannot be used:" if unusable else f"{lower}."),
                    _definitions(unusable.items()),
                ),
            ),
            _profile(subject),
            _drift(subject),
        ]
    )


def provenance(subject: Subject) -> Markup:
    """Return the data, code, parameters and versions that are needed to reproduce the model."""
    facts = subject.evaluation["provenance"]
    source = subject.evaluation["data"]
    entries: list[tuple[str, object]] = [
        ("execution", subject.evaluation["execution_id"] or "outside a pipeline"),
        ("data file", source["file"]),
        ("data sha256", element("code", source["sha256"])),
        ("contract", element("code", subject.evaluation["selected"]["contract"])),
    ]
    entries += [(f"parameter {name}", str(value)) for name, value in facts["parameters"].items()]
    entries += [
        (f"code of {step}", element("code", sha256 or "outside a pipeline"))
        for step, sha256 in facts["code_sha256"].items()
    ]
    entries.append(("versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items())))
    return _definitions(entries)


def _definitions(entries: Iterable[tuple[str, object]]) -> Markup:
    return element("dl", [[element("dt", name), element("dd", value)] for name, value in entries])


def _feature_row(subject: Subject, index: int) -> Row:
    feature = subject.importance[index]
    # At least 1e-9, so that a model without important features does not divide by zero.
    largest = max(1e-9, *(other.lost + other.standard_deviation for other in subject.importance))
    column, stability = _column(subject, feature.name), _stability(subject)
    lowest, highest = feature.lost - feature.standard_deviation, feature.lost + feature.standard_deviation
    return Row(
        feature.name,
        [
            charts.bar(feature.lost / largest, "", (lowest / largest, highest / largest)),
            f"{feature.lost:.4f} ± {feature.standard_deviation:.4f}",
            *(f"{np.median(column[subject.y == label]):.4g}" for label in (1, 0)),
            *([percent(stability.get(feature.name, np.nan), 0)] if stability else []),
        ],
    )


def _stability(subject: Subject) -> Mapping[str, float]:
    """Return the share of resamples that select each feature; empty if the candidate has none."""
    candidate = subject.features["candidates"][subject.selected_name]
    stability: Mapping[str, float] = candidate.get("stability", {})
    return stability


def _profile(subject: Subject) -> Markup:
    """Return each feature's range in the unseen companies, and how many are outside the training range."""
    rows = []
    for feature in subject.selected.facts["features"]:
        column = _column(subject, feature["name"])
        outside = int(np.sum((column < feature["min"]) | (column > feature["max"])))
        numbers = [f"{number:.4g}" for number in (np.min(column), np.median(column), np.max(column))]
        rows.append(Row(feature["name"], [*numbers, percent(float(np.mean(column > 1))), str(outside)]))
    headings = ["feature", "lowest", "median", "highest", "above 1", "outside training range"]
    caption = "Unseen companies; the last column counts those with a value outside the training range."
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
    text = [
        "The champion was trained on the same data file. " if same else None,
        f"Bankrupt in its training data: {percent(then['bankruptcies'] / then['companies'], 2)} of "
        f"{then['companies']:,} companies. "
        f"Now: {percent(now['bankruptcies'] / now['companies'], 2)} of {now['companies']:,}. "
        "The population stability index compares two distributions: "
        f"less than {_WATCH} is stable, more than {_SHIFT} is a shift. "
        f"For the champion's probabilities it is {found['probability']:.3f} "
        f"({_VERDICTS[_verdict(found['probability'])]}). {shifted} of its {len(ranked)} features shifted.",
    ]
    rows = [
        Row(
            name,
            [
                charts.bar(index / max(ranked[0][1], _SHIFT), _verdict(index)),
                f"{index:.3f}",
                _VERDICTS[_verdict(index)],
            ],
        )
        for name, index in ranked[:_DRIFTING_SHOWN]
    ]
    caption = (
        f"The {len(rows)} features with the largest index: unseen companies compared with the champion's "
        "training data."
    )
    headings = ["feature of the champion", "", "index", "verdict"]
    return [title, element("p", text), table(headings, rows, caption)]


_VERDICTS = {"calm": "stable", "watch": "moving", "shift": "shifted"}


def _verdict(index: float) -> str:
    return "shift" if index > _SHIFT else "watch" if index > _WATCH else "calm"


def _why_no_drift(subject: Subject) -> str:
    if subject.evaluation["champion"] is None:
        return "There was no champion."
    if subject.champion is None:
        return "The champion was not compared."
    return "The champion has no profile of its training data."


def _counts_row(name: str, counts: Mapping[str, Any]) -> Row:
    share = percent(counts["bankruptcies"] / counts["companies"], 2)
    numbers = [f"{counts[kind]:,}" for kind in ("companies", "firms", "bankruptcies")]
    return Row(name, [*numbers, share])
