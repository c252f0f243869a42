"""The REST API: routes, headers, and one log line and metrics per request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.metrics import MetricUnit

from predict_api.contract import ContractStore
from predict_api.endpoint import Endpoint
from predict_api.errors import ApiError, internal
from predict_api.log.predictions import PredictionLog
from predict_api.predictor import Predictor, timestamp
from predict_api.request.body import read_json
from predict_api.request.query import wants_explanation

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

REQUEST_ID = "X-Request-Id"
_JSON = "application/json"
_SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
# tests/contract/test_copies.py compares them with the levels that training names.
RISK_LEVELS = ("low", "medium", "high")
_VERBS = {"/predict": "POST", "/model": "GET", "/health": "GET", "/openapi.json": "GET", "/docs": "GET"}
# The documentation page has inline scripts and styles.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Dependencies:
    """The external dependencies of the API.

    Without a `prediction_log`, predictions are not logged. If `key_required`, only clients with an API key
    can see the feature names. So the open routes, /docs and /openapi.json, for which the gateway checks no
    key, do not contain them.
    """

    contracts: ContractStore
    endpoint: Endpoint
    clock: Callable[[], float]
    now: Callable[[], datetime]
    logger: Logger
    metrics: Metrics
    prediction_log: PredictionLog | None = None
    key_required: bool = True
    cors_origins: tuple[str, ...] = ("*",)


def create_handler(dependencies: Dependencies) -> Handler:
    """Return the Lambda handler of the API.

    Parameters
    ----------
    dependencies
        Clients, clocks, logger and metrics.
    """
    app = create_app(dependencies)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return app.resolve(event, context)

    return handler


def create_app(dependencies: Dependencies) -> APIGatewayRestResolver:
    """Return the resolver with all routes."""
    origins = dependencies.cors_origins
    cors = CORSConfig(
        allow_origin=origins[0],
        extra_origins=list(origins[1:]),
        expose_headers=[REQUEST_ID, "Retry-After"],
        max_age=600,
    )
    app = APIGatewayRestResolver(cors=cors, serializer=_serialize)
    app.use([_Observation(dependencies)])
    _add_routes(app, dependencies)
    return app


def _add_routes(app: APIGatewayRestResolver, dependencies: Dependencies) -> None:
    contracts = dependencies.contracts
    predictor = Predictor(contracts, dependencies.endpoint, clock=dependencies.clock, now=dependencies.now)

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        event = app.current_event
        explain = wants_explanation(event.resolved_query_string_parameters)
        body = read_json(
            event.body,
            event.headers.get("Content-Type"),
            event.headers.get("Content-Encoding"),
            is_base64=bool(event.is_base64_encoded),
        )
        prediction = predictor.predict(body, event.request_context.request_id, explain=explain)
        app.context["prediction"] = prediction
        if dependencies.prediction_log is not None:
            milliseconds = app.lambda_context.get_remaining_time_in_millis()
            dependencies.prediction_log.write(prediction, milliseconds / 1000)
        return prediction.body

    @app.get("/model")
    def model() -> dict[str, Any]:
        return contracts.get().public

    @app.get("/health")
    def health() -> dict[str, Any]:
        try:
            contract = contracts.get().document
            published = {"version": contract.get("version"), "contract": contract["contract"]}
        except ApiError:
            # The API is healthy even before the first model is deployed.
            published = None
        return {"status": "ok", "timestamp": timestamp(dependencies.now()), "model": published}

    @app.get("/openapi.json")
    def openapi() -> Response[str]:
        return Response(200, _JSON, _openapi_document(dependencies))

    @app.get("/docs")
    def docs() -> Response[str]:
        # Imported here because only this page reads Swagger UI from disk.
        from predict_api.openapi.page import page  # noqa: PLC0415

        headers: dict[str, Any] = {"Content-Security-Policy": _DOCS_POLICY}
        text = page("Bankruptcy risk API", _openapi_document(dependencies))
        return Response(200, "text/html; charset=utf-8", text, headers)

    @app.not_found
    def not_found(_: Exception) -> Response[str]:
        event = app.current_event
        verb = _VERBS.get(event.path)
        if verb is None:
            raise ApiError(
                404,
                "not_found",
                "No such resource. Use POST /predict or GET /model, /health, /openapi.json or /docs.",
            )
        raise ApiError(
            405,
            "method_not_allowed",
            f"{event.path} does not allow {event.http_method}; use {verb}.",
            allow=f"{verb}, OPTIONS",
        )


def _openapi_document(dependencies: Dependencies) -> str:
    # Imported here because only this needs pydantic, which would slow down every cold start.
    from predict_api.openapi.document import build_document  # noqa: PLC0415

    contract = None
    if not dependencies.key_required:
        with suppress(ApiError):
            contract = dependencies.contracts.get()
    return _serialize(build_document(contract))


class _Observation:
    """Middleware of every route: turns errors into responses, adds headers, and writes log and metrics."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._clock = dependencies.clock
        self._logger = dependencies.logger
        self._metrics = dependencies.metrics
        self._varies = dependencies.cors_origins != ("*",)

    # Powertools shows this name in debug output.
    __name__ = "observation"

    def __call__(self, app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
        started = self._clock()
        request_id = app.current_event.request_context.request_id
        code = "ok"
        try:
            response: Response[Any] = next_middleware(app)
        except ApiError as error:
            code, response = error.code, _error_response(error, request_id)
        except Exception:
            # No exception text may reach a client.
            self._logger.exception("unexpected", extra={"request_id": request_id})
            code, response = internal().code, _error_response(internal(), request_id)
        response.headers = {
            **_SECURITY_HEADERS,
            **({"Vary": "Origin"} if self._varies else {}),
            **response.headers,
            REQUEST_ID: request_id,
        }
        self._record(app, request_id, code, response.status_code, (self._clock() - started) * 1000)
        return response

    def _record(
        self, app: APIGatewayRestResolver, request_id: str, code: str, status: int, latency_ms: float
    ) -> None:
        prediction = app.context.pop("prediction", None)
        facts: dict[str, Any] = {
            "request_id": request_id,
            "method": app.current_event.http_method,
            "path": app.current_event.path[:200],
            "status": status,
            "outcome": code,
            "latency_ms": round(latency_ms, 1),
        }
        self._metrics.add_metric("Requests", MetricUnit.Count, 1)
        if prediction is not None:
            facts |= {
                "rows": prediction.companies.count,
                "explained": prediction.companies.explain,
                "model_version": prediction.version,
                "contract": prediction.contract,
                "endpoint_ms": round(prediction.endpoint_ms, 1),
                "warnings": len(prediction.body["warnings"]),
            }
            self._metrics.add_metric("Rows", MetricUnit.Count, prediction.companies.count)
            self._metrics.add_metric("EndpointLatency", MetricUnit.Milliseconds, prediction.endpoint_ms)
            levels = Counter(each["risk_level"] for each in prediction.predictions)
            for level in RISK_LEVELS:
                self._metrics.add_metric(f"{level.title()}Risk", MetricUnit.Count, levels[level])
            if prediction.version is not None and prediction.version.isdecimal():
                # As a value and not as a dimension: each dimension would be another metric to pay for.
                self._metrics.add_metric("Version", MetricUnit.NoUnit, int(prediction.version))
        self._metrics.flush_metrics()
        if code != "ok":
            with single_metric(
                "Errors",
                MetricUnit.Count,
                1,
                namespace=self._metrics.namespace,
                default_dimensions={"service": str(self._metrics.service)},
            ) as metric:
                metric.add_dimension("code", code)
        self._logger.info("request", extra=facts)


def _error_response(error: ApiError, request_id: str) -> Response[str]:
    return Response(error.status, _JSON, _serialize(error.body(request_id)), dict(error.headers))


def _serialize(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), allow_nan=False)
