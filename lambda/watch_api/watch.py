"""Asks the REST API, as a client would, for the answer that the champion is known to give."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

CONTRACT_KEY = "champion/contract.json"
TOLERANCE = 1e-6
# An endpoint that starts or changes can miss one request.
ATTEMPTS = 3
WAIT_SECONDS = 15.0


class _WrongAnswerError(Exception):
    """The API did not give the known answer."""


class Watch:
    """Asks for the known answer through the public address, with the API key.

    Parameters
    ----------
    http
        Sends requests to the API.
    apigateway, s3, ssm
        Clients.
    url
        Address of the API's stage.
    key_id
        Id of the API key. It is read each time, because it can be replaced.
    bucket
        The bucket with the champion's contract.
    paused_parameter
        The SSM parameter that is ``false`` unless the service is paused or being destroyed.
    sleep
        Waits between attempts.
    """

    def __init__(
        self,
        http: urllib3.PoolManager,
        apigateway: APIGatewayClient,
        s3: S3Client,
        ssm: SSMClient,
        *,
        url: str,
        key_id: str,
        bucket: str,
        paused_parameter: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._apigateway = apigateway
        self._s3 = s3
        self._ssm = ssm
        self._url = url
        self._key_id = key_id
        self._bucket = bucket
        self._paused_parameter = paused_parameter
        self._sleep = sleep

    def problem(self) -> str | None:
        """Return what is wrong with the API; None if it gives the known answer, or if none is expected."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._ask()
            except (BotoCoreError, ClientError, urllib3.exceptions.HTTPError, _WrongAnswerError) as error:
                if attempt == ATTEMPTS:
                    return str(error)
                self._sleep(WAIT_SECONDS)
            else:
                break
        return None

    def _ask(self) -> None:
        if self._ssm.get_parameter(Name=self._paused_parameter)["Parameter"]["Value"] != "false":
            return
        contract = self._contract()
        if contract is None:
            status, answer = self._request("GET", "/model")
            if (status, _code(answer)) != (503, "no_model"):
                raise _WrongAnswerError(
                    f"The contract of the champion can't be read, and GET /model is {status}."
                )
            return
        known = contract["smoke_test"]
        # The id tells these predictions from those of clients in the prediction log.
        status, answer = self._request("POST", "/predict", {"data": known["features"], "id": "watch-api"})
        if status != 200:
            raise _WrongAnswerError(f"POST /predict answered {status} {_code(answer)}.")
        try:
            version, found = answer["model"]["version"], float(answer["probability"]["bankrupt"])
        except (KeyError, TypeError, ValueError) as error:
            raise _WrongAnswerError(f"The answer has an unexpected form: {error!r}.") from error
        # During an update another version can answer, which deploy_model watches.
        is_known = version != contract["version"] or abs(found - known["probability"]) <= TOLERANCE
        if not is_known or not 0 <= found <= 1:
            raise _WrongAnswerError(f"Version {version} answered {found} instead of {known['probability']}.")

    def _contract(self) -> dict[str, Any] | None:
        """Return the champion's contract; None if there is none."""
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=CONTRACT_KEY)["Body"].read()
        except ClientError as error:
            # S3 returns AccessDenied for a missing object, because the role can't list the bucket.
            if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
                return None
            raise
        contract: dict[str, Any] = json.loads(body)
        return contract

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return the status and the document of an answer."""
        key = self._apigateway.get_api_key(apiKey=self._key_id, includeValue=True)["value"]
        answer = self._http.request(
            method,
            self._url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "x-api-key": key},
            redirect=False,
        )
        try:
            return answer.status, json.loads(answer.data)
        except ValueError as error:
            raise _WrongAnswerError(f"{method} {path} answered {answer.status} without JSON.") from error


def _code(answer: Any) -> str:
    """Return the code of an error; empty if the answer has none."""
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("code", "")) if isinstance(error, dict) else ""
