"""The call of the SageMaker endpoint, and what its failures mean to a client of the API."""

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

# API Gateway gives up after 29 s. The longest way to an answer is
#   reading the contract 3 s + (2 + 8) s + at most 1 s of waiting + (2 + 8) s = 24 s,
# and a refused contract starts that way again only within the first RETRY_WITHIN seconds: 27 s.
ENDPOINT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=8,
    retries={"total_max_attempts": 2, "mode": "standard"},
    tcp_keepalive=True,
)
S3_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
RETRY_WITHIN = 3.0

_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException"})
# SageMaker says ValidationError both for an endpoint that is not there and for one that is not in service.
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
    """The model can't take what is valid by its contract, such as numbers that its arithmetic overflows with.

    Parameters
    ----------
    problems
        Each with its place in the list of companies; empty for what concerns them all.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


@dataclass(frozen=True)
class Answer:
    """What the endpoint said: one prediction per company, and the version of the model that made them."""

    predictions: list[dict[str, Any]]
    version: str | None


class Endpoint:
    """The endpoint that answers for the model.

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
            Hash of the contract that the rows follow.
        rows
            A JSON list of lists of numbers in the contract's order.
        count
            How many rows that are.
        request_id
            Passed on to the endpoint's log.
        explain
            Whether each prediction shall have an explanation.

        Raises
        ------
        ContractRefusedError
            If the endpoint serves another contract.
        CompaniesRefusedError
            If the model can't take these numbers.
        ApiError
            502, 503, 504 or 429, by what went wrong.
        """
        asked = ',"explain":true' if explain else ""
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self._name,
                ContentType="application/json",
                Accept="application/json",
                CustomAttributes=request_id,
                Body=f'{{"contract":{json.dumps(contract)}{asked},"instances":{rows}}}'.encode(),
            )
            body = response["Body"].read()
        except ClientError as error:
            raise _meaning(error) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise ApiError(504, "endpoint_timeout", "The model did not answer in time.") from error
        except BotoCoreError as error:
            raise _unavailable() from error
        return _parse(body, contract, count)


def _meaning(error: ClientError) -> Exception:
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
    """Read what the container says of the companies, with places that begin at their list."""
    try:
        return [
            Problem(tuple(detail["loc"][1:]), str(detail["message"]))
            for detail in json.loads(message)["error"]["details"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _senseless() from error


def _unavailable() -> ApiError:
    return ApiError(
        503, "endpoint_unavailable", "The model is paused or being deployed. Try again later.", retry_after=30
    )


def _parse(body: bytes, contract: str, rows: int) -> Answer:
    """Read the endpoint's answer, and refuse one that does not belong to the request."""
    try:
        answer = json.loads(body)
        model = answer["model"]
        found = Answer(predictions=answer["predictions"], version=model["version"])
        fits = model["contract"] == contract and len(found.predictions) == rows
    except (KeyError, TypeError, ValueError) as error:
        raise _senseless() from error
    if not fits:
        raise _senseless()
    return found


def _senseless() -> ApiError:
    return ApiError(502, "model_error", "The model's answer made no sense.")
