"""Every error of the REST API, once: how it comes about and what the client gets.

The tests hold the API to these cases, and the table in docs/api.md is written from them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ReadTimeoutError
from support.predict_api_fakes import NUMBERS, REQUEST_ID, Api, Reply, client_error, contract

from local_aws.cloudformation.template import Template

SERVICE = Path(__file__).resolve().parents[2] / "infra" / "service.yaml"
VALID = json.dumps({"data": NUMBERS})
OTHER = contract(("Quick Ratio", "Debt ratio %", "Net worth/Assets", "Cash/Total Assets"), version="4")


def nothing(_: Api) -> None:
    """Leave the API as it is: a model is deployed and answers."""


@dataclass(frozen=True)
class Case:
    """A request that is not answered with 200.

    Attributes
    ----------
    when
        What the client did or what was the matter, for people.
    then
        What the client can do.
    headers
        Headers of the answer that belong to the error.
    arrange
        Makes the matter so, behind the API.
    gateway
        The type of API Gateway's own response, where the request does not get as far as the function.
    shown
        What stands for a body that is too long to show.
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
    arrange: Callable[[Api], None] = nothing
    gateway: str | None = None
    shown: str | None = None

    def answer(self) -> Reply:
        """Return what the client gets: of the function over fakes, or of the gateway by its template."""
        if self.gateway is not None:
            return _gateway_answer(self.gateway)
        api = Api()
        self.arrange(api)
        sent = {} if self.content_type is None else {"Content-Type": self.content_type}
        query = {name: [value] for name, _, value in [self.query.partition("=")] if name}
        return api.call(self.method, self.path, self.body, sent, query or None)

    @property
    def request(self) -> str:
        """The request as people write it."""
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
        "The body is no JSON, not UTF-8, empty or nested too deeply.",
        "Mend the request.",
        body='{"data": [0.5, 0.25,',
    ),
    Case(
        403,
        "forbidden",
        "The header `x-api-key` is missing or holds no valid key.",
        "Send the key; ask for one.",
        gateway="INVALID_API_KEY",
        body=None,
        method="GET",
        path="/model",
        content_type=None,
    ),
    Case(
        404,
        "not_found",
        "There is nothing at this path.",
        "Mend the path.",
        gateway="MISSING_AUTHENTICATION_TOKEN",
        body=None,
        method="GET",
        path="/models",
        content_type=None,
    ),
    Case(
        405,
        "method_not_allowed",
        "The path has another verb.",
        "See the header Allow.",
        body=None,
        method="GET",
        content_type=None,
        headers=("Allow",),
    ),
    Case(
        409,
        "contract_mismatch",
        "The request is pinned to a contract that is no longer served.",
        "Read `GET /model` anew, order the numbers by it, pin its `contract`.",
        body=json.dumps({"data": NUMBERS, "contract": "0123456789abcdef"}),
    ),
    Case(
        413,
        "payload_too_large",
        "The body is larger than 4,194,304 bytes.",
        "Send fewer companies at a time.",
        body=VALID.ljust(4_194_305),
        shown="a body of 4,194,305 bytes",
    ),
    Case(
        415,
        "unsupported_media_type",
        "The Content-Type is missing, not JSON or not UTF-8.",
        "Send `Content-Type: application/json`.",
        body="0.5,0.25,1000,3",
        content_type="text/csv",
    ),
    Case(
        422,
        "validation_failed",
        "The body is JSON, but not a request: shape, count, names or values are wrong.",
        "Mend each place in `details`.",
        body=json.dumps({"instances": [{"Dept ratio %": 0.25}, [0.5, "0.25", 1000, 3]]}),
    ),
    Case(
        422,
        "validation_failed",
        "More companies than are explained at a time.",
        "Send them in parts of 100, or without explain.",
        query="explain=true",
        body=json.dumps([NUMBERS] * 250),
        shown="a list of 250 companies",
    ),
    Case(
        429,
        "throttled",
        "Too many requests at once, of this key or of all.",
        "Wait as long as Retry-After says, then longer each time.",
        gateway="THROTTLED",
        headers=("Retry-After",),
    ),
    Case(
        429,
        "quota_exceeded",
        "The key's requests of this month are used up.",
        "Wait for the next month, or ask for more.",
        gateway="QUOTA_EXCEEDED",
    ),
    Case(
        500,
        "internal_error",
        "Something that should not happen.",
        "Try again once; report it with the request id.",
        arrange=_fails(RuntimeError("a fault")),
    ),
    Case(
        502,
        "model_error",
        "The model failed at this request.",
        "Try again once; report it with the request id.",
        arrange=_fails(client_error("ModelError", OriginalStatusCode=500)),
    ),
    Case(
        503,
        "no_model",
        "No model has been deployed yet.",
        "Come back later.",
        arrange=_nothing_published,
        headers=("Retry-After",),
    ),
    Case(
        503,
        "endpoint_unavailable",
        "The model is paused, or being deployed for the first time.",
        "Wait as long as Retry-After says.",
        arrange=_fails(client_error("ValidationError")),
        headers=("Retry-After",),
    ),
    Case(
        503,
        "deploying",
        "A model with other features is taking over: it answers already, and its contract is not out yet.",
        "Wait as long as Retry-After says; then expect the new contract.",
        arrange=_other_model,
        headers=("Retry-After",),
    ),
    Case(
        503,
        "unavailable",
        "The model's contract can't be read at the moment.",
        "Wait as long as Retry-After says.",
        arrange=_contract_unreadable,
        headers=("Retry-After",),
    ),
    Case(
        504,
        "endpoint_timeout",
        "The model did not answer in time.",
        "Try again with fewer companies.",
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
