"""Errors of model artifacts and of requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Loc = tuple[str | int, ...]

MAX_PROBLEMS = 20


class ArtifactError(ValueError):
    """The model's files are missing, damaged or not of this format."""


@dataclass(frozen=True)
class Problem:
    """One problem of a request; ``loc`` is its path in the body, with indexes that start at 0."""

    loc: Loc
    message: str


class RequestError(Exception):
    """A request that cannot be answered; the handlers pass it to ``output_fn``, which returns it as 4xx.

    Parameters
    ----------
    status
        HTTP status.
    code
        Stable code for programs: `invalid_json`, `contract_mismatch`, `unsupported_media_type` or
        `validation_failed`.
    message
        One sentence for people.
    problems
        The problems with their locations.
    served
        With `contract_mismatch`, the hash of the contract in service.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        problems: Sequence[Problem] = (),
        served: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.problems = tuple(problems)
        self.served = served

    def body(self) -> dict[str, object]:
        """Return the response body as JSON data."""
        error: dict[str, object] = {
            "code": self.code,
            "message": self.message,
            "details": [{"loc": list(p.loc), "message": p.message} for p in self.problems],
        }
        if self.served is not None:
            error["served"] = self.served
        return {"error": error}


def invalid_json(message: str, loc: Loc = ()) -> RequestError:
    """Return the error for a body that is not JSON."""
    return RequestError(400, "invalid_json", "The request is not valid JSON.", [Problem(loc, message)])


def unsupported(message: str) -> RequestError:
    """Return the error for an unsupported content type or accepted type."""
    return RequestError(415, "unsupported_media_type", message)


def invalid(problems: Sequence[Problem]) -> RequestError:
    """Return the error for a body with a wrong shape, name, count or value."""
    if len(problems) >= MAX_PROBLEMS:
        message = f"The request does not fit the model. The first {MAX_PROBLEMS} problems are listed."
    else:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"The request does not fit the model: {count}."
    return RequestError(422, "validation_failed", message, problems[:MAX_PROBLEMS])
