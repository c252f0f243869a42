"""A client of the REST API."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3

from scripts.aws.session import Aws
from scripts.deploy.outputs import Outputs, read_outputs
from scripts.errors import ScriptError, UsageError

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
CONNECTIONS = 8  # kept open for concurrent requests


class ApiError(ScriptError):
    """The API rejected a request, or did not answer.

    Attributes
    ----------
    status : int
        HTTP status; 0 if there was no answer.
    code : str
        The API's stable error code.
    details : list of dict
        Location and message of each problem with the input.
    retry_after : float or None
        Seconds after which the API asks to retry.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, Any]],
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}" if status else message)
        self.status = status
        self.code = code
        self.details = details
        self.retry_after = retry_after


@dataclass(frozen=True)
class ApiClient:
    """A client of one deployed API.

    Attributes
    ----------
    url : str
        Address of the stage, for example ``https://….amazonaws.com/prod``.
    key : str or None
        API key.
    """

    url: str
    key: str | None = None
    pool: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(
            maxsize=CONNECTIONS,
            timeout=urllib3.Timeout(connect=5, read=30),
            # The caller decides whether to wait for as long as a 503 asks.
            retries=urllib3.Retry(2, respect_retry_after_header=False),
        )
    )

    def get(self, path: str) -> dict[str, Any]:
        """GET a path of the stage; raise ApiError unless the status is 200."""
        return self._request("GET", path, None)

    def predict(self, body: Any, *, explain: bool = False) -> dict[str, Any]:
        """POST a body to /predict; raise ApiError unless the status is 200."""
        path = "/predict?explain=true" if explain else "/predict"
        return self._request("POST", path, json.dumps(body).encode())

    def _request(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"x-api-key": self.key} if self.key else {})
        try:
            response = self.pool.request(method, self.url + path, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "unreachable", f"{self.url} could not be reached: {error}", []) from error
        try:
            answer = json.loads(response.data)
        except ValueError as error:
            message = f"{method} {path} did not return JSON."
            raise ApiError(response.status, "not_json", message, []) from error
        if response.status != 200:
            problem = answer.get("error", {})
            raise ApiError(
                response.status,
                problem.get("code", "unknown"),
                problem.get("message", ""),
                problem.get("details", []),
                _seconds(response.headers.get("Retry-After")),
            )
        return dict(answer)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdigit() else None


def client_of(aws: Aws) -> ApiClient:
    """Return a client of the project's API, with its key if it needs one."""
    outputs = read_outputs(aws)
    return ApiClient(outputs.api_url, read_key(aws, outputs) if outputs.needs_api_key else None)


def client_at(url: str, key: str | None) -> ApiClient:
    """Return a client of the API at an address, for users without AWS credentials.

    Raises
    ------
    UsageError
        If the address is neither HTTPS nor on this machine, so that the key could be read on the way.
    """
    parts = urlsplit(url)
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in _THIS_MACHINE):
        raise UsageError(
            f"{url!r} is not the address of an API: it must begin with https://, or be on this machine.",
            "`bankruptcy deploy` prints it, for example https://….execute-api.eu-west-1.amazonaws.com/prod.",
        )
    return ApiClient(url.rstrip("/"), key)


def read_key(aws: Aws, outputs: Outputs) -> str:
    """Return the API key."""
    found = aws.client("apigateway").get_api_key(apiKey=outputs.api_key_id, includeValue=True)
    return str(found["value"])
