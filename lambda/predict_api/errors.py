"""The errors of the API: each has a status, a stable code, and places for what is wrong with the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MAX_DETAILS = 100

# Keys and positions from the body's root; ("query", name) is a parameter of the address.
Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input, and where."""

    loc: Loc
    message: str


class ApiError(Exception):
    """An answer other than 200.

    Parameters
    ----------
    status
        HTTP status.
    code
        What programs decide on; never changes for a given cause.
    message
        What people read.
    problems
        Places of what is wrong with the input.
    retry_after
        Seconds after which it makes sense to try again.
    allow
        The verbs that the path has.
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
        given = {"Retry-After": None if retry_after is None else str(retry_after), "Allow": allow}
        self.headers: Mapping[str, str] = {name: text for name, text in given.items() if text is not None}

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the answer's JSON."""
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
    """Return the error for input whose shape, names, counts or values are wrong.

    Parameters
    ----------
    problems
        Those that are listed, at most `MAX_DETAILS`.
    count
        How many there are.
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
    """Return the error for a client that was built against a contract that is no longer served."""
    return ApiError(
        409,
        "contract_mismatch",
        "The contract that the request names is not served. GET /model has the one that is.",
        problems=[Problem(("contract",), f"{pinned[:64]!r} was given, {served!r} is served.")],
    )


def deploying() -> ApiError:
    """Return the error for the moment in which the model and its published contract differ."""
    return ApiError(503, "deploying", "A new model is being deployed. Try again shortly.", retry_after=5)


def internal() -> ApiError:
    """Return the error for what should not have happened; its cause is in the log alone."""
    return ApiError(
        500, "internal_error", "Something went wrong here. Quote the request id when you report it."
    )
