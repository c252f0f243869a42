"""The API with fakes of S3 and of the endpoint."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from botocore.exceptions import ClientError
from predict_api.app import Dependencies, create_handler
from predict_api.contract import ContractStore
from predict_api.endpoint import Endpoint
from predict_api.log.predictions import PredictionLog

NAMES = ("ROA(C) before interest", "Debt ratio %", "Net worth/Assets", "Cash/Total Assets")
NUMBERS = [0.5, 0.25, 1000.0, 3.0]
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EXPLANATION = [
    {"feature": NAMES[1], "value": 0.5, "median": 0.25, "effect": 0.75, "direction": "raises"},
    {"feature": NAMES[3], "value": 3.0, "median": 0.25, "effect": -0.5, "direction": "lowers"},
]
EXPLAINED_SCORE = {"log_odds": -5.25, "median_log_odds": -5.75, "other_effects": 0.25}
REQUEST_ID = "5e1f0c9a-0000-4000-8000-000000000001"


def contract(names: Sequence[str] = NAMES, version: str = "3") -> dict[str, Any]:
    """Return a contract. Training values are from 0 to 10, and up to 10,000 for the third feature."""
    return {
        "contract": hashlib.sha256(json.dumps(list(names)).encode()).hexdigest()[:16],
        "features": [
            {
                "name": name,
                "min": 0.0,
                "max": 10_000.0 if name == "Net worth/Assets" else 10.0,
                "median": 0.25,
            }
            for name in names
        ],
        "threshold": 0.12,
        "risk_levels": [
            {"level": "low", "from": 0.0},
            {
                "level": "medium",
                "from": 0.05,
                "expected": {"false_positive_rate": 0.05, "recall": 0.5, "precision": 0.25},
            },
            {"level": "high", "from": 0.3},
        ],
        "candidate": "recommended",
        "estimator": "logistic",
        "metrics": {
            "roc_auc": {"value": 0.94, "low": 0.91, "high": 0.97},
            "pr_auc": 0.45,
            "brier": 0.02,
            "test_companies": 1364,
            "test_bankruptcies": 44,
        },
        "smoke_test": {"features": NUMBERS[: len(names)], "probability": 0.04},
        "version": version,
        "model_package_arn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/bankruptcy/3",
    }


def client_error(code: str, **more: Any) -> ClientError:
    response: Any = {"Error": {"Code": code, "Message": "arn:aws:sagemaker:secret"}, **more}
    return ClientError(response, "InvokeEndpoint")


@dataclass
class S3:
    """A bucket with the champion's contract, and that of a model being deployed."""

    document: dict[str, Any] | None
    next_document: dict[str, Any] | None = None
    error: Exception | None = None
    reads: int = 0

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        documents = {"champion/contract.json": self.document, "champion/next.json": self.next_document}
        assert Bucket == "bucket"
        document = documents[Key]
        self.reads += 1
        if self.error is not None:
            raise self.error
        if document is None:
            raise client_error("NoSuchKey")
        return {"Body": io.BytesIO(json.dumps(document).encode())}


@dataclass
class Runtime:
    """The endpoint: the probability is a hundredth of the first number. Rejects other contracts."""

    serves: dict[str, Any]
    errors: list[Exception | None] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    answer: bytes | None = None

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        body = json.loads(request["Body"], parse_int=float)
        if body["contract"] != self.serves["contract"]:
            raise client_error("ModelError", OriginalStatusCode=409)
        explained = {"explanation": EXPLANATION, "explained_score": EXPLAINED_SCORE}
        answer = {
            "predictions": [
                {**self._predict(row), **(explained if body.get("explain") else {})}
                for row in body["instances"]
            ],
            "model": {"version": self.serves["version"], "contract": self.serves["contract"]},
        }
        return {"Body": io.BytesIO(self.answer or json.dumps(answer).encode())}

    def _predict(self, row: list[float]) -> dict[str, Any]:
        assert len(row) == len(self.serves["features"])
        assert all(type(value) is float for value in row)
        p = min(abs(row[0]) / 100, 1.0)
        return {
            "prediction": int(p >= 0.12),
            "probability": {"not_bankrupt": 1 - p, "bankrupt": p},
            "risk_level": "low" if p < 0.05 else "high",
            "confidence": max(p, 1 - p),
        }


@dataclass
class Firehose:
    """The stream of predictions; `fails` has, for each call, an error or the error codes of its records."""

    fails: list[Exception | list[str | None]] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    calls: int = 0

    def put(self, records: list[bytes]) -> dict[str, Any]:
        self.calls += 1
        failure = self.fails.pop(0) if self.fails else []
        if isinstance(failure, Exception):
            raise failure
        codes = [*failure, *[None] * (len(records) - len(failure))]
        self.records += [each for each, code in zip(records, codes, strict=True) if code is None]
        return {
            "FailedPutCount": sum(code is not None for code in codes),
            "RequestResponses": [{"ErrorCode": code} if code else {"RecordId": "1"} for code in codes],
        }

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The delivered predictions."""
        return [json.loads(line) for record in self.records for line in record.splitlines()]


class Clock:
    """A clock that only moves when a test changes it."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def problems(self) -> dict[tuple[str | int, ...], str]:
        return {tuple(detail["loc"]): detail["message"] for detail in self.json["error"]["details"]}


class Api:
    """The API with its fakes; `call` sends the event that API Gateway would send."""

    def __init__(
        self,
        document: dict[str, Any] | None = None,
        *,
        origins: tuple[str, ...] = ("*",),
        key_required: bool = True,
        prediction_log: str = "off",
    ) -> None:
        document = contract() if document is None else document
        self.s3 = S3(document)
        self.runtime = Runtime(document)
        self.clock = Clock()
        s3: Any = self.s3
        runtime: Any = self.runtime
        self.firehose = Firehose()
        firehose: Any = self.firehose
        self.milliseconds_left = 20_000
        logger = Logger(service="predict_api")
        metrics = Metrics(namespace="Bankruptcy", service="predict_api")
        log = PredictionLog(firehose, with_inputs=prediction_log == "full", logger=logger, metrics=metrics)
        self._handler = create_handler(
            Dependencies(
                contracts=ContractStore(s3, "bucket", clock=self.clock, logger=logger),
                endpoint=Endpoint(runtime, "bankruptcy"),
                clock=self.clock,
                now=lambda: NOW,
                logger=logger,
                metrics=metrics,
                prediction_log=None if prediction_log == "off" else log,
                key_required=key_required,
                cors_origins=origins,
            )
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the function's deadline; the API is also the context of its invocation."""
        return self.milliseconds_left

    def predict(self, body: Any, query: dict[str, list[str]] | None = None) -> Reply:
        """Send POST /predict with JSON."""
        return self.call("POST", "/predict", json.dumps(body), {"Content-Type": "application/json"}, query)

    def post(self, text: str | None, content_type: str = "application/json") -> Reply:
        """Send POST /predict with any body."""
        return self.call("POST", "/predict", text, {"Content-Type": content_type})

    def call(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, list[str]] | None = None,
    ) -> Reply:
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {key: [value] for key, value in (headers or {}).items()} or None,
            "queryStringParameters": {key: values[-1] for key, values in query.items()} if query else None,
            "multiValueQueryStringParameters": query,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"requestId": REQUEST_ID, "stage": "prod", "path": f"/prod{path}"},
            "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": isinstance(body, bytes),
        }
        answer = json.loads(json.dumps(self._handler(event, self)))
        assert answer["isBase64Encoded"] is False
        return Reply(
            status=answer["statusCode"],
            headers={key.lower(): ", ".join(values) for key, values in answer["multiValueHeaders"].items()},
            text=answer["body"],
        )
