"""Reads the query parameters of a request to /predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from predict_api.errors import MAX_DETAILS, Loc, Problem, validation_failed

EXPLAIN: Loc = ("query", "explain")
_LONGEST_QUOTE = 120


def wants_explanation(query: Mapping[str, Sequence[str]]) -> bool:
    """Return whether the request asks for explanations.

    Parameters
    ----------
    query
        The values of each parameter.

    Raises
    ------
    ApiError
        422 for any other parameter or value, because ignoring it would hide mistakes.
    """
    problems = [
        Problem(("query", name[:_LONGEST_QUOTE]), "is unknown; the only parameter is explain")
        for name in query
        if name != "explain"
    ]
    values = query.get("explain", ("false",))
    if len(values) != 1:
        problems.append(Problem(EXPLAIN, "is given more than once"))
    elif values[0] not in ("true", "false"):
        problems.append(Problem(EXPLAIN, f"must be true or false, not {values[0][:_LONGEST_QUOTE]!r}"))
    if problems:
        raise validation_failed(problems[:MAX_DETAILS], len(problems))
    return values[0] == "true"
