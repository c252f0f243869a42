"""The report's page: head, verdict, sections in order."""

from __future__ import annotations

from steps.report import data, figures
from steps.report.markup import Markup, element, join
from steps.report.style import STYLE
from steps.report.subject import Subject

# Nothing is loaded and no script runs, whatever a data file's names may hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def render(subject: Subject) -> str:
    """Return the report as one HTML page that needs nothing else."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Bankruptcy risk: model report {subject.evaluation['execution_id']}".strip()),
        element("style", STYLE),
    )
    sections = (
        figures.headline,
        figures.companies,
        figures.curves,
        figures.probabilities,
        data.features,
        figures.side_by_side,
        data.data,
        data.provenance,
    )
    main = element("main", _header(subject), [section(subject) for section in sections], _footer())
    body = element("body", main)
    return join([Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n")])


def _header(subject: Subject) -> Markup:
    evaluation = subject.evaluation
    gate, champion = evaluation["gate"], evaluation["champion"]
    passed = "passed the gate" if gate["passed"] else "refused at the gate"
    pills = [element("span", passed, class_="pill good" if gate["passed"] else "pill bad")]
    if champion is not None and not champion["compared"]:
        pills.append(element("span", "not compared with the champion", class_="pill warn"))
    selected = evaluation["selected"]
    return element(
        "header",
        element(
            "p",
            f"Model report · {subject.created:%d %B %Y, %H:%M} UTC · {evaluation['data']['file']}",
            class_="eyebrow",
        ),
        element(
            "div",
            element("h1", f"Bankruptcy risk: {selected['candidate']} ({selected['estimator']})"),
            pills,
            class_="title",
        ),
        element("p", subject.data_warning, class_="banner") if subject.data_warning else None,
        element("p", gate["reason"]),
    )


def _footer() -> Markup:
    return element(
        "footer",
        element(
            "p",
            "A probability of bankruptcy is one argument among others, not a decision: "
            "the model card says what this model is for, and what it must not be used for.",
        ),
    )
