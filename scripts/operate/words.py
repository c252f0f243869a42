"""Puts the endpoint's state and cost into words, for the terminal and the console."""

from scripts.deploy.endpoint import EndpointState
from scripts.operate.prices import Estimate


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
