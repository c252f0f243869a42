"""Calls the SageMaker endpoint and translates its failures to API errors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from predict_api.errors import ApiError, Problem

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

# API Gateway times out after 29 s. The slowest answer takes 24 s: 3 s to read the contract, two attempts of
# (2 + 8) s, and at most 1 s between them. After a rejected contract the request starts again, but only within
# the first RETRY_WITHIN seconds, so it ends after 27 s.
ENDPOINT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"total_max_attempts": 2, "mode": "standard"},
    tcp_keepalive=True,
)
S3_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
RETRY_WITHIN = 3.0

_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
# SageMaker returns ValidationError for a missing endpoint and for one that is not in service.
_NOT_IN_SERVICE = frozenset(
    {
        "ValidationError",
        "ModelNotReadyException",
        "ServiceUnavailable",
        "InternalFailure",
        "InternalDependencyException",
    }
)


class ContractRefusedError(Exception):
    """The endpoint serves a model with another contract."""


class CompaniesRefusedError(Exception):
    """The model rejects companies that fit its contract, for example because its arithmetic overflows.

    Parameters
    ----------
    problems
        Each with its location in the list of companies; an empty location means all of them.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


@dataclass(frozen=True)
class Answer:
    """One prediction for each company, and the version of the model that made them."""

    predictions: list[dict[str, Any]]
    version: str | None


class Endpoint:
    """Calls the endpoint of the champion.

    Parameters
    ----------
    runtime
        Client of the SageMaker runtime, made with `ENDPOINT_CONFIG`.
    name
        The endpoint's name.
    """

    def __init__(self, runtime: SageMakerRuntimeClient, name: str) -> None:
        self._runtime = runtime
        self._name = name

    def predict(
        self, contract: str, rows: str, count: int, request_id: str, *, explain: bool = False
    ) -> Answer:
        """Score companies.

        Parameters
        ----------
        contract
            The hash of the rows' contract.
        rows
            A JSON list of lists of numbers in the contract's order.
        count
            The number of rows.
        request_id
            Forwarded to the endpoint's log.
        explain
            Whether to add an explanation to each prediction.

        Raises
        ------
        ContractRefusedError
            If the endpoint serves another contract.
        CompaniesRefusedError
            If the model rejects these numbers.
        ApiError
            429, 502, 503 or 504, depending on the failure.
        """
        option = ',"explain":true' if explain else ""
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self._name,
                ContentType="application/json",
                Accept="application/json",
                CustomAttributes=request_id,
                Body=f'{{"contract":{json.dumps(contract)}{option},"instances":{rows}}}'.encode(),
            )
            body = response["Body"].read()
        except ClientError as error:
            raise _translate(error) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise ApiError(504, "endpoint_timeout", "The model did not answer in time.") from error
        except BotoCoreError as error:
            raise _unavailable() from error
        return _parse(body, contract, count)


def _translate(error: ClientError) -> Exception:
    response: Any = error.response
    code = response.get("Error", {}).get("Code")
    if code == "ModelError":
        if response.get("OriginalStatusCode") == 409:
            return ContractRefusedError()
        if response.get("OriginalStatusCode") == 422:
            return CompaniesRefusedError(_problems(response.get("OriginalMessage")))
        return ApiError(502, "model_error", "The model could not answer this request.")
    if code in _THROTTLED:
        return ApiError(429, "throttled", "Too many requests at the moment.", retry_after=1)
    if code in _NOT_IN_SERVICE:
        return _unavailable()
    return error


def _problems(message: Any) -> list[Problem]:
    """Read the problems from the container's error; their locations begin at the list of companies."""
    try:
        return [
            Problem(tuple(detail["loc"][1:]), str(detail["message"]))
            for detail in json.loads(message)["error"]["details"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid_answer() from error


def _unavailable() -> ApiError:
    return ApiError(
        503,
        "endpoint_unavailable",
        "No model is in service: it is paused, being deployed or withdrawn. Try again later; if this lasts, "
        "ask the operator.",
        retry_after=30,
    )


def _parse(body: bytes, contract: str, rows: int) -> Answer:
    """Read the endpoint's answer, and reject one that does not fit the request."""
    try:
        answer = json.loads(body)
        model = answer["model"]
        parsed = Answer(predictions=answer["predictions"], version=model["version"])
        fits = model["contract"] == contract and len(parsed.predictions) == rows
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid_answer() from error
    if not fits:
        raise _invalid_answer()
    return parsed


def _invalid_answer() -> ApiError:
    return ApiError(502, "model_error", "The model's answer is invalid.")
