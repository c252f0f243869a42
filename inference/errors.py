"""What can be wrong with a model artefact or with a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Loc = tuple[str | int, ...]

MAX_PROBLEMS = 20


class ArtifactError(ValueError):
    """The model's files are missing, damaged or not of this format."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request, and where: ``loc`` is the path into the body, counted from 0."""

    loc: Loc
    message: str


class RequestError(Exception):
    """A request that cannot be answered; the handlers carry it to ``output_fn``, which sends it as 4xx.

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
        Each problem with its place in the request.
    served
        With `contract_mismatch`: the hash of the contract that is served.
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
        """Return the answer's JSON document."""
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
    """Return the error for a content type or an accepted type that is not served."""
    return RequestError(415, "unsupported_media_type", message)


def invalid(problems: Sequence[Problem]) -> RequestError:
    """Return the error for a body whose shape, names, counts or values are wrong."""
    if len(problems) >= MAX_PROBLEMS:
        message = f"The request does not fit the model; these are the first {MAX_PROBLEMS} problems."
    else:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"The request does not fit the model: {count}."
    return RequestError(422, "validation_failed", message, problems[:MAX_PROBLEMS])
