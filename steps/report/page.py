"""Renders the page of the report: head, verdict and sections."""

from __future__ import annotations

from steps.report import data, figures, robustness
from steps.report.document import document
from steps.report.markup import Markup, contents, element, section
from steps.report.subject import Subject

_TERMS = (
    ("MinRocAuc", "the lowest ROC-AUC that passes the gate, both on unseen companies and out of fold."),
    ("Out of fold", "measured on training companies, each scored by a model that was fitted without it."),
    ("Champion", "the version that was deployed last; every new version is compared with it."),
)
_SECTIONS = {
    "How good it is": figures.headline,
    "What the risk levels find": figures.companies,
    "How well it ranks": figures.curves,
    "What its probabilities mean": figures.probabilities,
    "How robust it is": robustness.robustness,
    "Which features matter": data.features,
    "Side by side": figures.side_by_side,
    "The data": data.data,
    "Provenance": data.provenance,
}


def render(subject: Subject) -> str:
    """Return the report as a self-contained HTML page."""
    title = f"Bankruptcy risk: model report {subject.evaluation['execution_id']}".strip()
    sections = [section(name, render_section(subject)) for name, render_section in _SECTIONS.items()]
    return document(title, _header(subject), contents(_SECTIONS), sections, _footer())


def _header(subject: Subject) -> Markup:
    evaluation = subject.evaluation
    gate, champion = evaluation["gate"], evaluation["champion"]
    verdict = "passed the gate" if gate["passed"] else "rejected by the gate"
    pills = [element("span", verdict, class_="pill good" if gate["passed"] else "pill bad")]
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
        element(
            "p",
            [element("span", element("b", term), f": {meaning}") for term, meaning in _TERMS],
            class_="small muted terms",
        ),
    )


def _footer() -> Markup:
    text = (
        "A probability of bankruptcy is one argument among others, not a decision. "
        "The model card says what this model is for, and what it must not be used for."
    )
    return element("footer", element("p", text))
