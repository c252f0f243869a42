"""Report sections about the model's quality: headline, risk levels, curves, calibration, comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from steps.measures.groups import calibration_groups
from steps.measures.metrics import Floats, confusion
from steps.report import charts
from steps.report.markup import Child, Markup, element, join, lead, note, pair, panel, percent
from steps.report.subject import Subject
from steps.report.tables import Row, table

# The styles of the curves of the selected candidate, the other candidate and the champion.
SELECTED, OTHER, CHAMPION = "selected", "other", "champion"


def headline(subject: Subject) -> Markup:
    """Return the five most important metrics with their intervals."""
    rate = float(np.mean(subject.y))
    metrics = subject.selected.intervals
    tiles = [
        _tile("ROC-AUC", metrics["roc_auc"].as_dict(), 3, (0.5, 1), _ROC_AUC),
        _tile(
            "PR-AUC",
            metrics["pr_auc"].as_dict(),
            3,
            (rate, 1),
            f"precision averaged over recall; chance is {rate:.3f}, 1 is perfect",
        ),
        _tile(
            "Recall at 5 % false positives",
            metrics["recall_at_5_percent_fpr"].as_dict(),
            2,
            (0.05, 1),
            "bankrupt companies found when 5 % of the others are flagged",
        ),
        _tile(
            "Brier score",
            metrics["brier"].as_dict(),
            4,
            (rate * (1 - rate), 0),
            f"mean squared error of the probabilities; the base rate alone gives {rate * (1 - rate):.4f}, "
            "0 is perfect",
        ),
        element(
            "div",
            element("div", "Calibration error (ECE)", class_="label"),
            element("div", f"{subject.selected.ece:.4f}", class_="value"),
            element("div"),
            element(
                "div",
                "expected calibration error: mean gap between predicted and observed rates; with so many "
                f"companies, perfect probabilities have {subject.selected.ece_noise_floor:.4f}",
                class_="note",
            ),
            class_="tile",
        ),
    ]
    test = subject.evaluation["test"]
    words = (
        f"Measured on {test['companies']:,} unseen companies, which were never used for training; "
        f"{test['bankruptcies']} of them went bankrupt. With so few bankruptcies, one split can be lucky or "
        "unlucky. Each bar shows the 95 % bootstrap interval, with firms resampled whole, on a scale "
        "from no skill (left) to perfect (right)."
    )
    return join([lead(words), element("div", tiles, class_="tiles")])


def companies(subject: Subject) -> Markup:
    """Return the risk levels of the test companies, as squares and as a table."""
    level = np.digitize(subject.probability, [item["from"] for item in subject.levels[1:]])
    names = [item["level"] for item in subject.levels]
    kinds = []
    for label, words in ((1, "went bankrupt"), (0, "did not go bankrupt")):
        members = level[subject.y == label]
        counts = [(name, int(np.sum(members == at))) for at, name in reversed(list(enumerate(names)))]
        unit = "one square per company" if len(members) <= 120 else "one square per percent"
        kinds.append(
            panel(
                f"{len(members):,} companies that {words}",
                charts.squares(counts),
                note(", ".join(f"{count:,} {name}" for name, count in counts) + f" ({unit})"),
            )
        )
    legend = [
        element("li", element("span", class_=f"swatch level-{name}"), f"{name} risk, {_from(item)}")
        for name, item in reversed(list(zip(names, subject.levels, strict=True)))
    ]
    return join(
        [
            lead(f"The probability decides the risk level. {_thresholds(subject)}"),
            element("ul", legend, class_="legend"),
            pair(kinds),
            _confusions(subject),
        ]
    )


def operating_points(subject: Subject) -> list[charts.OperatingPoint]:
    """Return the thresholds of all risk levels but the first, with their confusion matrices."""
    return [
        charts.OperatingPoint(
            item["level"], item["from"], confusion(subject.y, subject.probability, item["from"])
        )
        for item in subject.levels[1:]
    ]


def _thresholds(subject: Subject) -> str:
    starts = [
        f"{percent(item['expected']['false_positive_rate'])} reach {item['level']} risk"
        for item in subject.levels
        if "expected" in item
    ]
    return (
        "The thresholds were set out of fold: of the training companies that did not go bankrupt, "
        f"{' and '.join(starts)}."
    )


def _confusions(subject: Subject) -> Markup:
    rows = []
    expected = {item["level"]: item.get("expected", {}) for item in subject.levels}
    for point in operating_points(subject):
        counts, rates = point.counts, expected[point.level]
        name = point.level if point.level == subject.levels[-1]["level"] else f"{point.level} or higher"
        if point.threshold == subject.selected.facts["threshold"]:
            name += " (predicted bankrupt)"
        cells = [
            f"≥ {percent(point.threshold)}",
            f"{counts.true_positives:,}",
            f"{counts.false_negatives:,}",
            f"{counts.false_positives:,}",
            f"{counts.true_negatives:,}",
            _with_expected(counts.recall, rates.get("recall")),
            _with_expected(counts.precision, rates.get("precision")),
            _with_expected(counts.false_positive_rate, rates.get("false_positive_rate")),
        ]
        rows.append(Row(name, cells))
    headings = (
        "flagged as",
        "probability",
        "found",
        "missed",
        "false alarms",
        "correctly not flagged",
        "recall",
        "precision",
        "false positives",
    )
    caption = "Confusion matrix at each threshold. In brackets: the rates expected from training."
    return table(headings, rows, caption)


def curves(subject: Subject) -> Markup:
    """Return the ROC and precision-recall curves of the selected candidate and of the others."""
    named = _by_style(subject)
    points = operating_points(subject)
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
    return join(
        [
            element("ul", legend, class_="legend"),
            pair(
                panel(
                    "ROC curve",
                    charts.roc({name: charts.roc_points(subject.y, p) for name, p in named.items()}, points),
                ),
                panel(
                    "Precision-recall curve",
                    charts.precision_recall(
                        {name: charts.precision_recall_points(subject.y, p) for name, p in named.items()},
                        [float(np.mean(subject.y))],
                        points,
                    ),
                ),
            ),
        ]
    )


def probabilities(subject: Subject) -> Markup:
    """Return the calibration and the distribution of the probabilities."""
    mean, rate = float(np.mean(subject.probability)), float(np.mean(subject.y))
    calibration = panel(
        "Calibration",
        charts.calibration({SELECTED: calibration_groups(subject.y, subject.probability)}),
        note(
            "Each point is a group of companies, with a 95 % interval. On the diagonal, predicted and "
            f"observed rates are equal. The mean prediction is {percent(mean, 2)}; {percent(rate, 2)} went "
            "bankrupt. Both axes are stretched near 0."
        ),
    )
    distribution = panel(
        "Distribution",
        charts.distribution(subject.y, subject.probability, operating_points(subject)),
        note("The less the two shapes overlap, the better the model separates the companies."),
    )
    return pair(calibration, distribution)


def side_by_side(subject: Subject) -> Markup:
    """Return a table of the candidates and the champion, with the paired differences."""
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
    rows.append(
        Row(
            f"log loss of {subject.selected_name} compared with this one (lower is better)",
            [_loss(c) for c in comparisons],
        )
    )
    rows.append(Row("the selected candidate is", [c["verdict"] if c else "–" for c in comparisons]))
    words = (
        "The candidate with the higher ROC-AUC out of fold was selected; the unseen companies only judge it. "
        "Differences are paired: both models score the same companies."
    )
    if evaluation["selected"]["chosen_by"] == "RegisterCandidate":
        words = (
            "The parameter RegisterCandidate selected the candidate. "
            "Differences are paired: both models score the same companies."
        )
    champion = evaluation["champion"]
    notes = []
    if champion is None:
        notes.append(element("p", "There was no champion to compare with.", class_="muted small"))
    elif not champion["compared"]:
        notes.append(element("p", f"NOT compared with the champion: {champion['reason']}.", class_="banner"))
    return join([lead(words), notes, table(headings, rows, kind="scroll")])


_ROC_AUC = "how often a bankrupt company scores above another one; 0.5 is chance, 1 is perfect"
_COMPARED = (
    ("roc_auc", "ROC-AUC", 3, 1),
    ("pr_auc", "PR-AUC", 3, 1),
    ("brier", "Brier score (lower is better)", 4, -1),
    ("ece", "calibration error (lower is better)", 4, -1),
    ("recall_at_1_percent_fpr", "recall at 1 % false positives", 2, 1),
    ("recall_at_5_percent_fpr", "recall at 5 % false positives", 2, 1),
    ("recall_at_10_percent_fpr", "recall at 10 % false positives", 2, 1),
)


def _tile(label: str, figure: dict[str, float], digits: int, scale: tuple[float, float], note: str) -> Markup:
    low, value, high = figure["low"], figure["value"], figure["high"]
    return element(
        "div",
        element("div", label, class_="label"),
        element("div", f"{value:.{digits}f}", class_="value"),
        charts.strip(low, value, high, *scale),
        element("div", f"{low:.{digits}f} to {high:.{digits}f}", element("br"), note, class_="note"),
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
    """Return metrics as cells, with the best one in bold: the largest for a sign of 1."""
    best = max(sign * value for value in values if not np.isnan(value))
    cells: list[Child] = []
    for index, value in enumerate(values):
        if np.isnan(value):
            cells.append("–")
            continue
        found = intervals[index] if intervals else {}
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
