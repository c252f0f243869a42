"""Renders monitoring.html: predictions, drift, expected and realised quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steps.report.document import document
from steps.report.markup import Markup, contents, element, lead, note, panel, percent, section
from steps.report.tables import Row, table

# Columns that are listed although they do not drift.
_MOST_COLUMNS = 12
_METRICS = {
    "bankruptcies": "bankruptcies",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier score",
}
_OUTCOMES = {
    "given": "lines uploaded",
    "repeated": "repeated lines",
    "judged": "predictions judged",
    "waiting": "predictions whose horizon has not passed",
    "again": "further predictions of a judged company",
    "late": "bankruptcies after the horizon, which count as none",
    "contradicting": "contradicting outcomes, not judged",
    "open": "predictions whose outcomes do not reach the horizon",
    "unknown": "outcomes without a prediction",
}


def render(facts: Mapping[str, Any]) -> str:
    """Return monitoring.json as a self-contained HTML page."""
    sections = {
        "What was predicted": _predicted(facts),
        "What changed": _changed(facts),
        "Expected quality": _expected(facts),
        "Realised quality": _realised(facts),
        "Earlier runs": _history(facts),
    }
    return document(
        f"Bankruptcy risk: monitoring {facts['time']}",
        _header(facts),
        contents(sections),
        [section(title, body) for title, body in sections.items()],
    )


def _header(facts: Mapping[str, Any]) -> Markup:
    pills = [
        element(
            "span",
            f"{name} alarm" if reasons else f"no {name} alarm",
            class_=f"pill {'bad' if reasons else 'good'}",
        )
        for name, reasons in facts["alarms"].items()
    ]
    reasons = [*facts["alarms"]["drift"], *facts["alarms"]["quality"]]
    return element(
        "header",
        element(
            "p", f"Monitoring · {facts['time']} · {facts['predictions']:,} predictions", class_="eyebrow"
        ),
        element("div", element("h1", "Bankruptcy risk: monitoring"), pills, class_="title"),
        element("ul", [element("li", reason) for reason in reasons]) if reasons else None,
    )


def _predicted(facts: Mapping[str, Any]) -> list[Markup]:
    rows = [
        Row(
            f"version {version}",
            [
                f"{each['predictions']:,}",
                f"{each['companies']:,}",
                *[f"{count:,} ({percent(count / each['predictions'])})" for count in each["levels"].values()],
            ],
        )
        for version, each in facts["versions"].items()
    ]
    levels = next(iter(facts["versions"].values()))["levels"] if facts["versions"] else {}
    left = facts["left_out"]
    unknown = ", ".join(f"{count:,} of version {each}" for each, count in left["unknown_versions"].items())
    return [
        lead("Predictions of the API and of batch runs in this window, by version and risk level."),
        table(["version", "predictions", "different companies", *levels], rows)
        if rows
        else note("No predictions."),
        note(
            f"Left out: {left['unreadable']:,} unreadable lines, {left['other_time']:,} of another time"
            + (f", and lines of versions without a profile: {unknown}." if unknown else ".")
            + " The log delivers at least once, so a prediction can be counted twice."
        ),
    ]


def _changed(facts: Mapping[str, Any]) -> list[Markup]:
    parts = [
        lead(
            "A column drifts if its population stability index, less what chance explains, is at least 0.1, "
            "and the difference is significant among all columns and all runs of a month. It also drifts if "
            "significantly more than 1 % of its values are outside the training range or between two units."
        )
    ]
    for version, each in facts["versions"].items():
        title = f"Version {version}, compared with its {each['compared_with']}"
        if each["drift"] is None:
            fewest = facts["settings"]["fewest_companies"]
            parts.append(panel(title, note(f"Fewer than {fewest} different companies: too few to compare.")))
            continue
        columns = sorted(each["drift"], key=lambda column: (not column["reason"], -column["index"]))
        drifting = [column for column in columns if column["reason"]]
        shown = columns[: max(_MOST_COLUMNS, len(drifting))]
        rows = [
            Row(
                column["name"],
                [
                    f"{column['index']:.3f}",
                    f"{column['p_value']:.1g}",
                    percent(column["outside"]),
                    percent(column["in_gap"]),
                    column["reason"] or "–",
                ],
            )
            for column in shown
        ]
        headings = ["column", "index", "p-value", "outside range", "between units", "drift"]
        parts.append(
            panel(
                title,
                table(headings, rows, kind="scroll", text=["drift"]),
                note(f"{len(drifting)} of {len(columns)} columns drift."),
            )
        )
    return parts


def _expected(facts: Mapping[str, Any]) -> list[Markup]:
    parts = [
        lead(
            "The model's quality for these companies if its probabilities are right. The intervals allow for "
            "industries that go bankrupt half or twice as often as expected. This never raises an alarm."
        )
    ]
    for version, each in facts["versions"].items():
        rows = [
            Row(
                _name(name), [_number(value["value"]), f"{_number(value['low'])} to {_number(value['high'])}"]
            )
            for name, value in each["expected"].items()
        ]
        parts.append(panel(f"Version {version}", table(["figure", "expected", "95 % interval"], rows)))
    return parts


def _realised(facts: Mapping[str, Any]) -> list[Markup]:
    days = facts["settings"]["horizon_days"]
    counts = [Row(text, [f"{facts['outcomes'][name]:,}"]) for name, text in _OUTCOMES.items()]
    parts = [
        lead(
            f"Predictions that are at least {days} days old, one for each company, compared with what came "
            f"true within {days} days."
        ),
        table(["outcomes", "number"], counts),
    ]
    for version, each in facts["realised"].items():
        rows = [
            Row(level, [f"{count['companies']:,}", f"{count['bankruptcies']:,}"])
            for level, count in each["levels"].items()
        ]
        if each["metrics"] is None:
            fewest = facts["settings"]["fewest_bankruptcies"]
            quality: Markup = note(f"Fewer than {fewest} bankruptcies: too few to measure the quality.")
        else:
            quality = table(
                ["figure", "realised", "95 % interval"],
                [
                    Row(
                        _name(name),
                        [_number(value["value"]), f"{_number(value['low'])} to {_number(value['high'])}"],
                    )
                    for name, value in each["metrics"].items()
                ],
            )
        parts.append(
            panel(
                f"Version {version}: {each['bankruptcies']} bankruptcies, "
                f"{each['expected_bankruptcies']:.1f} expected",
                table(["level", "companies", "bankruptcies"], rows),
                quality,
            )
        )
    return parts


def _history(facts: Mapping[str, Any]) -> list[Markup]:
    rows = [
        Row(each["time"], [f"{each['predictions']:,}", str(each["drifting"]), str(each["low_quality"])])
        for each in reversed(facts["history"][-30:])
    ]
    return [table(["run", "predictions", "drifting columns", "versions of low quality"], rows)]


def _name(name: str) -> str:
    return _METRICS.get(name, name.replace("_", " "))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"
