"""The report's sections on how good the model is: headline, companies, curves, calibration, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steps.measures.metrics import Floats, confusion
from steps.report import charts
from steps.report.markup import Child, Markup, element, percent
from steps.report.subject import Subject
from steps.report.tables import Row, table

# Names of the curves' styles: the selected, the other candidate, the model in service.
SELECTED, OTHER, CHAMPION = "selected", "other", "champion"


def headline(subject: Subject) -> Markup:
    """Return the five figures that say most, each with its interval."""
    rate = float(np.mean(subject.y))
    figures = subject.selected.intervals
    tiles = [
        _tile("ROC-AUC", figures["roc_auc"].as_dict(), 3, (0.5, 1), "0.5 is chance, 1 is perfect"),
        _tile("PR-AUC", figures["pr_auc"].as_dict(), 3, (rate, 1), f"chance is {rate:.3f}"),
        _tile(
            "Recall at 5 % FPR",
            figures["recall_at_5_percent_fpr"].as_dict(),
            2,
            (0.05, 1),
            "bankrupt companies found when 5 % of the others are flagged",
        ),
        _tile(
            "Brier score",
            figures["brier"].as_dict(),
            4,
            (rate * (1 - rate), 0),
            f"lower is better; the base rate alone gives {rate * (1 - rate):.4f}",
        ),
        element(
            "div",
            element("div", "Calibration error", class_="label"),
            element("div", f"{subject.selected.ece:.4f}", class_="value"),
            element("div", "mean gap of predicted and observed rates; 0 is perfect", class_="note"),
            class_="tile",
        ),
    ]
    test = subject.evaluation["test"]
    words = (
        f"{test['companies']:,} companies that no fit has seen, {test['bankruptcies']} of them bankrupt. "
        "With so few bankruptcies one split can be lucky or not: the bars show 95 % bootstrap intervals, "
        "from no skill on the left to perfection on the right."
    )
    return _section(
        "How good it is", element("p", words, class_="lead"), element("div", tiles, class_="tiles")
    )


def companies(subject: Subject) -> Markup:
    """Return what the risk levels do to the test companies, in squares and in a table."""
    level = np.digitize(subject.probability, [item["from"] for item in subject.levels[1:]])
    names = [item["level"] for item in subject.levels]
    kinds = []
    for label, words in ((1, "went bankrupt"), (0, "did not go bankrupt")):
        members = level[subject.y == label]
        counts = [(name, int(np.sum(members == at))) for at, name in reversed(list(enumerate(names)))]
        each = "one square a company" if len(members) <= 120 else "one square a percent"
        kinds.append(
            element(
                "div",
                element("h3", f"{len(members):,} companies that {words}"),
                charts.squares(counts),
                element(
                    "p",
                    ", ".join(f"{count:,} {name}" for name, count in counts) + f" ({each})",
                    class_="small muted",
                ),
            )
        )
    legend = [
        element("li", element("span", class_=f"swatch level-{name}"), f"{name} risk, {_from(item)}")
        for name, item in reversed(list(zip(names, subject.levels, strict=True)))
    ]
    return _section(
        "What the risk levels find",
        element("p", f"A company's level follows from its probability. {_chosen(subject)}", class_="lead"),
        element("ul", legend, class_="legend"),
        element("div", kinds, class_="pair"),
        _confusions(subject),
    )


def operating_points(subject: Subject) -> list[charts.OperatingPoint]:
    """Return where each risk level but the first starts, with what it finds."""
    return [
        charts.OperatingPoint(
            item["level"], item["from"], confusion(subject.y, subject.probability, item["from"])
        )
        for item in subject.levels[1:]
    ]


def _chosen(subject: Subject) -> str:
    starts = [
        f"{item['level']} risk {percent(item['expected']['false_positive_rate'])}"
        for item in subject.levels
        if "expected" in item
    ]
    return (
        "The boundaries were set on training companies, out of fold, by the share of those not bankrupt "
        f"that would be flagged: {', '.join(starts)}."
    )


def _confusions(subject: Subject) -> Markup:
    rows = []
    expected = {item["level"]: item.get("expected", {}) for item in subject.levels}
    for point in operating_points(subject):
        counts, due = point.counts, expected[point.level]
        name = point.level if point.level == subject.levels[-1]["level"] else f"{point.level} or higher"
        if point.threshold == subject.selected.facts["threshold"]:
            name += ", the predicted class"
        cells = [
            f"≥ {percent(point.threshold)}",
            f"{counts.true_positives:,}",
            f"{counts.false_negatives:,}",
            f"{counts.false_positives:,}",
            f"{counts.true_negatives:,}",
            _with_expected(counts.recall, due.get("recall")),
            _with_expected(counts.precision, due.get("precision")),
            _with_expected(counts.false_positive_rate, due.get("false_positive_rate")),
        ]
        rows.append(Row(name, cells))
    headings = (
        "flagged as",
        "probability",
        "found",
        "missed",
        "false alarms",
        "rightly left",
        "recall",
        "precision",
        "false positives",
    )
    caption = "Confusion at each level's threshold; in brackets what out-of-fold predictions led to expect."
    return table(headings, rows, caption)


def curves(subject: Subject) -> Markup:
    """Return the ROC and precision-recall curves of the selected candidate and of the others."""
    named = _by_style(subject)
    points = operating_points(subject)
    drawn = [
        element(
            "div",
            element("h3", "ROC curve"),
            charts.roc(subject.y, named, points),
        ),
        element(
            "div",
            element("h3", "Precision-recall curve"),
            charts.precision_recall(subject.y, named, points),
        ),
    ]
    titles = {SELECTED: f"{subject.selected_name} (selected)", CHAMPION: "champion"}
    others = [name for name in subject.models if name not in (subject.selected_name, "champion")]
    titles |= dict.fromkeys([OTHER], ", ".join(others))
    legend = [element("li", charts.line_sample(name), titles[name]) for name in named]
    legend += [
        element(
            "li", element("span", class_=f"swatch round level-{point.level}"), f"{point.level} risk starts"
        )
        for point in points
    ]
    return _section(
        "How well it ranks",
        element("ul", legend, class_="legend"),
        element("div", drawn, class_="pair"),
    )


def probabilities(subject: Subject) -> Markup:
    """Return how far probabilities can be taken at their word, and how they are spread."""
    mean, rate = float(np.mean(subject.probability)), float(np.mean(subject.y))
    drawn = [
        element(
            "div",
            element("h3", "Calibration"),
            charts.calibration(subject.y, subject.probability),
            element(
                "p",
                f"On the diagonal, probabilities mean what they say. Mean predicted {percent(mean, 2)}, "
                f"observed {percent(rate, 2)}. Both axes are stretched near 0.",
                class_="small muted",
            ),
        ),
        element(
            "div",
            element("h3", "Distribution"),
            charts.distribution(subject.y, subject.probability, operating_points(subject)),
            element(
                "p",
                "The less the two shapes overlap, the better the model tells companies apart.",
                class_="small muted",
            ),
        ),
    ]
    return _section("What its probabilities mean", element("div", drawn, class_="pair"))


def side_by_side(subject: Subject) -> Markup:
    """Return candidates and champion in one table, with the paired differences."""
    evaluation = subject.evaluation
    # The selected candidate comes first; the others are compared with it.
    candidates = sorted(evaluation["candidates"].items(), key=lambda item: item[0] != subject.selected_name)
    columns: dict[str, Mapping[str, Any]] = dict(candidates)
    if subject.champion is not None:
        columns["champion"] = evaluation["champion"]
    headings = ["", *(f"{name}, selected" if name == subject.selected_name else name for name in columns)]
    out_of_fold = [
        subject.models[name].facts.get("out_of_fold", {}).get("roc_auc", np.nan) for name in columns
    ]
    rows = [
        Row("estimator", [item["estimator"] for item in columns.values()]),
        Row("features", [len(subject.models[name].facts["features"]) for name in columns]),
        Row("ROC-AUC out of fold", _best(out_of_fold, 3)),
    ]
    for name, label, digits, sign in _COMPARED:
        found = [item["intervals"].get(name, {"value": item.get(name)}) for item in columns.values()]
        rows.append(Row(label, _best([item["value"] for item in found], digits, sign, found)))
    comparisons = [item["comparison"] for item in columns.values()]
    rows.append(
        Row(f"ROC-AUC of {subject.selected_name} minus this one", [_difference(c) for c in comparisons])
    )
    rows.append(Row(f"log loss of {subject.selected_name} against this one", [_loss(c) for c in comparisons]))
    rows.append(Row("so the selected candidate is", [c["verdict"] if c else "–" for c in comparisons]))
    words = (
        "The candidate with the better ROC-AUC out of fold, on training companies, is selected; "
        "the unseen companies only judge. Differences are paired: the same companies for both models."
    )
    if evaluation["selected"]["chosen_by"] == "RegisterCandidate":
        words = (
            "RegisterCandidate names the selected candidate. "
            "Differences are paired: the same companies for both models."
        )
    champion = evaluation["champion"]
    notes = []
    if champion is None:
        notes.append(element("p", "No model was in service to compare with.", class_="muted small"))
    elif not champion["compared"]:
        notes.append(element("p", f"NOT compared with the champion: {champion['reason']}.", class_="banner"))
    return _section(
        "Side by side",
        element("p", words, class_="lead"),
        notes,
        table(headings, rows, kind="scroll"),
    )


_COMPARED = (
    ("roc_auc", "ROC-AUC", 3, 1),
    ("pr_auc", "PR-AUC", 3, 1),
    ("brier", "Brier score (lower is better)", 4, -1),
    ("ece", "calibration error (lower is better)", 4, -1),
    ("recall_at_1_percent_fpr", "recall at 1 % false positives", 2, 1),
    ("recall_at_5_percent_fpr", "recall at 5 % false positives", 2, 1),
    ("recall_at_10_percent_fpr", "recall at 10 % false positives", 2, 1),
)


def _section(title: str, *children: object) -> Markup:
    return element("section", element("h2", title), *children)


def _tile(label: str, figure: dict[str, float], digits: int, scale: tuple[float, float], note: str) -> Markup:
    low, value, high = figure["low"], figure["value"], figure["high"]
    return element(
        "div",
        element("div", label, class_="label"),
        element("div", f"{value:.{digits}f}", class_="value"),
        charts.strip(low, value, high, *scale),
        element("div", f"{low:.{digits}f} to {high:.{digits}f} · {note}", class_="note"),
        class_="tile",
    )


def _by_style(subject: Subject) -> dict[str, Floats]:
    styles = {subject.selected_name: SELECTED, "champion": CHAMPION}
    named = {styles.get(name, OTHER): model.probability for name, model in subject.models.items()}
    return {name: named[name] for name in (SELECTED, OTHER, CHAMPION) if name in named}


def _from(level: Mapping[str, Any]) -> str:
    return "below that" if level["from"] == 0 else f"from {percent(level['from'])}"


def _with_expected(found: float, expected: float | None) -> str:
    return percent(found) if expected is None else f"{percent(found)} ({percent(expected)})"


def _best(
    values: list[float],
    digits: int,
    sign: int = 1,
    intervals: list[Mapping[str, float]] | None = None,
) -> list[Child]:
    """Return figures as cells, the best one (the largest, with a sign of 1) in bold."""
    best = max(sign * value for value in values if not np.isnan(value))
    cells: list[Child] = []
    for at, value in enumerate(values):
        if np.isnan(value):
            cells.append("–")
            continue
        found = intervals[at] if intervals else {}
        spread = f"{found['low']:.{digits}f} to {found['high']:.{digits}f}" if "low" in found else None
        cells.append(
            [
                element("span", f"{value:.{digits}f}", class_="best" if sign * value == best else None),
                element("div", spread, class_="small muted") if spread else None,
            ]
        )
    return cells


def _difference(comparison: Mapping[str, Any] | None) -> Child:
    if comparison is None:
        return "–"
    gain = comparison["roc_auc_difference"]
    return [
        f"{gain['value']:+.3f}",
        element("div", f"{gain['low']:+.3f} to {gain['high']:+.3f}", class_="small muted"),
    ]


def _loss(comparison: Mapping[str, Any] | None) -> Child:
    if comparison is None:
        return "–"
    value, low, high = (comparison["log_loss_increase"][key] for key in ("value", "low", "high"))
    return [
        f"{100 * value:+.1f}\u00a0%",
        element("div", f"{100 * low:+.1f} to {100 * high:+.1f}\u00a0%", class_="small muted"),
    ]
