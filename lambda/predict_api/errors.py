"""The errors of the API, each with a status, a stable code and the location of every problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DETAILS = 100

# Keys and indexes from the body's root, or ("query", name) for a query parameter.
Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One problem in the request, with its location."""

    loc: Loc
    message: str


class ApiError(Exception):
    """An error response.

    Parameters
    ----------
    status
        HTTP status.
    code
        Stable code for programs.
    message
        Message for people.
    problems
        The problems in the request.
    retry_after
        Seconds to wait before a retry.
    allow
        The methods that the path allows.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        problems: Sequence[Problem] = (),
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = problems
        headers = {"Retry-After": None if retry_after is None else str(retry_after), "Allow": allow}
        self.headers: Mapping[str, str] = {name: text for name, text in headers.items() if text is not None}

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the response body as JSON data."""
        details = [{"loc": list(problem.loc), "message": problem.message} for problem in self.problems]
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": details,
                "request_id": request_id,
            }
        }


def validation_failed(problems: Sequence[Problem], count: int) -> ApiError:
    """Return the error for a request with a wrong shape, count, name or value.

    Parameters
    ----------
    problems
        The listed problems, at most `MAX_DETAILS`.
    count
        The number of all problems.
    """
    listed = f"; the first {len(problems)} are listed" if count > len(problems) else ""
    plural = "problem" if count == 1 else "problems"
    return ApiError(
        422,
        "validation_failed",
        f"The request has {count:,} {plural}{listed}. GET /model lists the features in order.",
        problems=problems,
    )


def contract_mismatch(pinned: str, served: str) -> ApiError:
    """Return the error for a request with the hash of a contract that is no longer served."""
    return ApiError(
        409,
        "contract_mismatch",
        "The contract in the request is not the one in service. GET /model returns that one.",
        problems=[Problem(("contract",), f"{pinned[:64]!r} was given; {served!r} is in service.")],
    )


def being_replaced() -> ApiError:
    """Return the error for a request whose features are not those of the model that replaces the champion."""
    return ApiError(
        409,
        "contract_mismatch",
        "A model with other features is being deployed. GET /model returns its contract in a minute.",
    )


def deploying() -> ApiError:
    """Return the error for a request while the endpoint and the published contract differ."""
    return ApiError(503, "deploying", "A new model is being deployed. Try again soon.", retry_after=5)


def internal() -> ApiError:
    """Return the error for an unexpected exception; its text is only in the log."""
    return ApiError(500, "internal_error", "Unexpected error. Report it with the request id.")
