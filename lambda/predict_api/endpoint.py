"""The call of the SageMaker endpoint, and what its failures mean to a client of the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from predict_api.errors import ApiError

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

    def predict(self, contract: str, rows: list[list[float]], request_id: str) -> Answer:
        """Score companies.

        Parameters
        ----------
        contract
            Hash of the contract that the rows follow.
        rows
            Numbers in the contract's order.
        request_id
            Passed on to the endpoint's log.

        Raises
        ------
        ContractRefusedError
            If the endpoint serves another contract.
        ApiError
            502, 503, 504 or 429, by what went wrong.
        """
        try:
            response = self._runtime.invoke_endpoint(
                EndpointName=self._name,
                ContentType="application/json",
                Accept="application/json",
                CustomAttributes=request_id,
                Body=json.dumps({"contract": contract, "instances": rows}, separators=(",", ":")).encode(),
            )
            body = response["Body"].read()
        except ClientError as error:
            raise _meaning(error) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise ApiError(504, "endpoint_timeout", "The model did not answer in time.") from error
        except BotoCoreError as error:
            raise _unavailable() from error
        return _parse(body, contract, len(rows))


def _meaning(error: ClientError) -> Exception:
    response: Any = error.response
    code = response.get("Error", {}).get("Code")
    if code == "ModelError":
        if response.get("OriginalStatusCode") == 409:
            return ContractRefusedError()
        return ApiError(502, "model_error", "The model could not answer this request.")
    if code in _THROTTLED:
        return ApiError(429, "throttled", "Too many requests at the moment.", retry_after=1)
    if code in _NOT_IN_SERVICE:
        return _unavailable()
    return error


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
