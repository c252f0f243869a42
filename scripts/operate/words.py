"""Puts the endpoint's state, its cost and the results of monitoring into words, for terminal and console."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.deploy.endpoint import EndpointState
from scripts.operate.prices import Estimate
from scripts.text import counted

_METRICS = {"bankruptcies": "bankruptcies", "roc_auc": "ROC-AUC", "pr_auc": "PR-AUC", "brier": "Brier score"}
# The words for the counts of outcomes, in the order in which they are shown.
_OUTCOMES = {
    "judged": "judged",
    "waiting": "waiting for the horizon",
    "again": "again of a judged company",
    "late": "late",
    "open": "open",
    "repeated": "repeated",
    "contradicting": "contradicting",
    "unknown": "unknown",
}


def endpoint_text(endpoint: EndpointState) -> str:
    """Return the state of the endpoint, and of an update."""
    if endpoint.status is None:
        return "none"
    capacity = (
        f"serverless, {endpoint.memory_mb} MB, up to {endpoint.max_concurrency} concurrent requests"
        if endpoint.mode == "serverless"
        else f"{endpoint.instance_count} × {endpoint.instance_type}"
    )
    reason = f"\n{endpoint.failure_reason}" if endpoint.failure_reason else ""
    return f"{endpoint.status}, version {endpoint.version}, {capacity}{reason}{_pending_text(endpoint)}"


def _pending_text(endpoint: EndpointState) -> str:
    """Return the stage of an update, and the operations that wait for its end."""
    if endpoint.pending_version is None:
        return ""
    doing = (
        "answers requests and is being watched: an alarm rolls it back" if endpoint.bakes else "is starting"
    )
    guard = (
        " and cannot be aborted: serverless endpoints do not bake" if endpoint.mode == "serverless" else ""
    )
    return (
        f"\nversion {endpoint.pending_version} {doing}{guard}. Pausing, and rejecting version "
        f"{endpoint.version}, wait until the update ends"
    )


def cost_texts(cost: Estimate) -> tuple[str, str, str]:
    """Return the estimate, its source, and what it does not include."""
    figures = (
        ""
        if cost.usd_per_hour is None or cost.usd_per_month is None
        else f"estimate: ${cost.usd_per_hour:.3f} an hour, ${cost.usd_per_month:.2f} a month: "
    )
    return f"{figures}{cost.basis}", cost.source, f"not included: {cost.not_counted}"


def outcome_counts(outcomes: Mapping[str, int]) -> list[str]:
    """Return how the outcomes in a monitoring.json were used, without those that are 0."""
    return [f"{outcomes[name]:,} {words}" for name, words in _OUTCOMES.items() if outcomes[name]]


def outcomes_text(outcomes: Mapping[str, int]) -> str:
    """Return how many outcomes were uploaded, and how they were used."""
    counts, uploaded = outcome_counts(outcomes), f"{outcomes['given']:,} uploaded"
    return f"{uploaded}: {', '.join(counts)}" if counts else uploaded


def quality_rows(result: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield version, metric, expected and realised value with 95 % intervals, from a monitoring.json."""
    for version in dict.fromkeys([*result["versions"], *result["realised"]]):
        expected = result["versions"].get(version, {}).get("expected", {})
        found = result["realised"].get(version)
        realised = (found and found["metrics"]) or {}
        if found:
            # The realised companies are earlier ones, so their bankruptcies have an expectation of their own.
            words = f"{found['bankruptcies']} of {counted(found['companies'], 'company')}"
            note = f"{words} ({found['expected_bankruptcies']:.1f} expected)"
            yield version, "bankrupt so far", "", note
        for name in dict.fromkeys([*expected, *realised]):
            label = _METRICS.get(name, name.replace("_", " "))
            yield version, label, _interval(expected.get(name)), _interval(realised.get(name))


def _interval(figure: Mapping[str, float | None] | None) -> str:
    if figure is None or figure["value"] is None:
        return ""
    return f"{_number(figure['value'])} ({_number(figure['low'])} to {_number(figure['high'])})"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3f}"
