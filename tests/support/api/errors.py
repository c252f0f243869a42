"""Every error of the REST API, with a request that causes it and what the client can do.

Tests check the API with these cases, and `make golden` writes the table in docs/api.md from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError
from support.api.fakes import NUMBERS, REQUEST_ID, Api, Reply, client_error, contract
from support.repository import ROOT

from local_aws.cloudformation.template import Template

SERVICE = ROOT / "infra" / "service.yaml"
PAGE = ROOT / "docs" / "api.md"
ERROR_TABLE = re.compile(r"(?<=<!-- errors -->\n).*(?=<!-- /errors -->)", re.DOTALL)
VALID = json.dumps({"data": NUMBERS})
OTHER = contract(("Quick Ratio", "Debt ratio %", "Net worth/Assets", "Cash/Total Assets"), version="4")


def no_change(_: Api) -> None:
    """Leave the API unchanged: a model is deployed and answers."""


@dataclass(frozen=True)
class Case:
    """A request that causes an error.

    Attributes
    ----------
    when
        The cause, for people.
    then
        What the client can do.
    headers
        Headers of the response that belong to the error.
    arrange
        Sets up the cause behind the API.
    gateway
        The type of API Gateway's own response, if the request does not reach the function.
    shown
        Replaces a body that is too long for the table.
    """

    status: int
    code: str
    when: str
    then: str
    body: str | None = VALID
    method: str = "POST"
    path: str = "/predict"
    content_type: str | None = "application/json"
    query: str = ""
    headers: tuple[str, ...] = ()
    arrange: Callable[[Api], None] = no_change
    gateway: str | None = None
    shown: str | None = None

    def answer(self) -> Reply:
        """Return the response of the function with fakes, or of the gateway from its template."""
        if self.gateway is not None:
            return _gateway_answer(self.gateway)
        api = Api()
        self.arrange(api)
        sent = {} if self.content_type is None else {"Content-Type": self.content_type}
        query = {name: [value] for name, _, value in [self.query.partition("=")] if name}
        return api.call(self.method, self.path, self.body, sent, query or None)

    @property
    def request(self) -> str:
        """The request as Markdown."""
        address = f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")
        kind = (
            "" if self.content_type in ("application/json", None) else f", Content-Type: {self.content_type}"
        )
        body = self.shown or (f"`{self.body}`" if self.body else "")
        return " ".join(part for part in (f"`{address}`{kind}", body) if part)


def _gateway_answer(kind: str) -> Reply:
    for resource in Template(SERVICE.read_text(encoding="utf-8")).resources.values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::ApiGateway::GatewayResponse" and properties["ResponseType"] == kind:
            text = properties["ResponseTemplates"]["application/json"]
            prefix = "gatewayresponse.header."
            static = {
                name.removeprefix(prefix).lower(): value.strip("'")
                for name, value in properties["ResponseParameters"].items()
                if isinstance(value, str)
            }
            return Reply(
                int(properties["StatusCode"]), static, text.replace("$context.requestId", REQUEST_ID)
            )
    raise LookupError(f"The template defines no gateway response of the type {kind}.")


def _fails(error: Exception) -> Callable[[Api], None]:
    def arrange(api: Api) -> None:
        api.runtime.errors = [error]

    return arrange


def _nothing_published(api: Api) -> None:
    api.s3.document = None


def _contract_unreadable(api: Api) -> None:
    api.s3.error = client_error("InternalError")


def _other_model(api: Api) -> None:
    api.runtime.serves = OTHER


CASES = [
    Case(
        400,
        "invalid_json",
        "The body is not JSON, not UTF-8, empty or nested too deeply.",
        "Correct the request.",
        body='{"data": [0.5, 0.25,',
    ),
    Case(
        403,
        "forbidden",
        "The header `x-api-key` is missing or has no valid key.",
        "Send the key, or ask for one.",
        gateway="INVALID_API_KEY",
        body=None,
        method="GET",
        path="/model",
        content_type=None,
    ),
    Case(
        404,
        "not_found",
        "The path does not exist.",
        "Correct the path.",
        gateway="MISSING_AUTHENTICATION_TOKEN",
        body=None,
        method="GET",
        path="/models",
        content_type=None,
    ),
    Case(
        405,
        "method_not_allowed",
        "The path does not allow this method.",
        "Use the method in the header Allow.",
        body=None,
        method="GET",
        content_type=None,
        headers=("Allow",),
    ),
    Case(
        409,
        "contract_mismatch",
        "The contract in the request is no longer in service, or its feature names are about to be replaced.",
        "Read `GET /model` again, order the numbers by it, and send its `contract`.",
        body=json.dumps({"data": NUMBERS, "contract": "0123456789abcdef"}),
    ),
    Case(
        413,
        "payload_too_large",
        "The body is larger than 4,194,304 bytes.",
        "Send fewer companies at a time.",
        body=VALID.ljust(4_194_305),
        shown="with a body of 4,194,305 bytes",
    ),
    Case(
        415,
        "unsupported_media_type",
        "The Content-Type is missing, not JSON or not UTF-8; or the body is compressed.",
        "Send `Content-Type: application/json`, and no Content-Encoding.",
        body="0.5,0.25,1000,3",
        content_type="text/csv",
    ),
    Case(
        422,
        "validation_failed",
        "The body is JSON, but a shape, count, name or value is wrong.",
        "Correct each location in `details`.",
        body=json.dumps({"instances": [{"Dept ratio %": 0.25}, [0.5, "0.25", 1000, 3]]}),
    ),
    Case(
        422,
        "validation_failed",
        "The request has too many companies to explain.",
        "Send at most 100 companies, or set explain to false.",
        query="explain=true",
        body=json.dumps([NUMBERS] * 250),
        shown="with a list of 250 companies",
    ),
    Case(
        429,
        "throttled",
        "Too many requests, from this key or in total.",
        "Wait for the time in Retry-After, and longer after each failure.",
        gateway="THROTTLED",
        headers=("Retry-After",),
    ),
    Case(
        429,
        "quota_exceeded",
        "The monthly quota of the key is used up.",
        "Wait for the next month, or ask for a larger quota.",
        gateway="QUOTA_EXCEEDED",
    ),
    Case(
        500,
        "internal_error",
        "An unexpected error.",
        "Try again once, then report it with the request id.",
        arrange=_fails(RuntimeError("a fault")),
    ),
    Case(
        502,
        "model_error",
        "The model failed on this request.",
        "Try again once, then report it with the request id.",
        arrange=_fails(client_error("ModelError", OriginalStatusCode=500)),
    ),
    Case(
        503,
        "no_model",
        "No model has been deployed yet.",
        "Try again later.",
        arrange=_nothing_published,
        headers=("Retry-After",),
    ),
    Case(
        503,
        "endpoint_unavailable",
        "The model is paused, is being deployed for the first time, or was withdrawn.",
        "Wait for the time in Retry-After. If it lasts, ask the operator: no version may be approved.",
        arrange=_fails(client_error("ValidationError")),
        headers=("Retry-After",),
    ),
    Case(
        503,
        "deploying",
        "A model with other features is being deployed: it answers, but its contract is not published yet.",
        "Wait for the time in Retry-After, then read the new contract.",
        arrange=_other_model,
        headers=("Retry-After",),
    ),
    Case(
        503,
        "unavailable",
        "The model's contract cannot be read at the moment.",
        "Wait for the time in Retry-After.",
        arrange=_contract_unreadable,
        headers=("Retry-After",),
    ),
    Case(
        504,
        "endpoint_timeout",
        "The model did not answer in time.",
        "Retry with fewer companies.",
        arrange=_fails(ReadTimeoutError(endpoint_url="https://endpoint")),
    ),
]


def table() -> str:
    """Return the cases as a Markdown table."""
    lines = ["| status, `code` | when | for example | answer | what to do |", "|---|---|---|---|---|"]
    for case in CASES:
        reply = case.answer()
        headers = "".join(f"`{name}: {reply.headers[name.lower()]}` " for name in case.headers)
        answer = f"{headers}`{json.dumps(_shortened(reply.json), ensure_ascii=False)}`"
        cells = (f"{case.status} `{case.code}`", case.when, case.request, answer, case.then)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _shortened(body: Any) -> Any:
    error = body["error"]
    details = error["details"]
    shown = details if len(details) <= 3 else [*details[:2], "…", details[-1]]
    return {"error": {**error, "details": shown, "request_id": "…"}}
