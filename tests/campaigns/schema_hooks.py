"""Tells Schemathesis which requests to leave out, where the OpenAPI document cannot express it."""

from __future__ import annotations

from typing import Any

import schemathesis

MOST_EXPLAINED = 100


@schemathesis.hook
def filter_case(_: Any, case: Any) -> bool:
    """Leave out requests that ask for more explanations than the API allows.

    The limit depends on a parameter and the body together, which a schema cannot express.
    """
    body, query = case.body, case.query or {}
    companies = body.get("instances") if isinstance(body, dict) else body
    explain = query.get("explain") in (True, "true")
    return not (explain and isinstance(companies, list) and len(companies) > MOST_EXPLAINED)
