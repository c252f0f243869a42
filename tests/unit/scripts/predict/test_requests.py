"""Predictions for many companies: concurrent requests, retries, and errors on the way."""

from __future__ import annotations

from typing import Any

import pytest
from support.api.clients import NAMES, Api, outcomes, prediction

from scripts.companies.errors import CompanyFileError
from scripts.companies.json_companies import ListedCompanies
from scripts.operate.pausing import OperationError
from scripts.predict import predictions
from scripts.predict.client import ApiError
from scripts.predict.predictions import Predictions, Result


def test_lines_are_predicted_in_order_by_concurrent_requests(companies: Any) -> None:
    # GIVEN more lines than fit in a request, with columns in another order than the model's
    lines = [f"x,{0.5 + number / 10_000},{number / 10_000}" for number in range(4500)]
    api = Api()
    # WHEN
    results = outcomes(Predictions(api, companies("\n".join(["name, debt , assets", *lines]))))
    # THEN
    assert results == [(number + 2, number / 10_000) for number in range(4500)]
    assert sorted(len(body["instances"]) for body in api.bodies) == [500, 1000, 1000, 1000, 1000]
    assert api.most_concurrent <= predictions.CONCURRENT_REQUESTS


def test_a_version_that_is_deployed_in_between_is_used(companies: Any) -> None:
    api = Api(names=("debt", "assets", "equity"))
    results = Predictions(api, companies("assets,debt,equity\n0.1,0.2,0.3\n"))
    api.names = NAMES
    assert list(results) == [Result(2, prediction(0.1), "2")]


def test_requests_are_retried_after_the_time_that_the_api_gives(companies: Any) -> None:
    api = Api(
        ApiError(503, "deploying", "Later.", [], retry_after=0.01),
        ApiError(429, "throttled", "Slow.", [], 0.02),
    )
    waits: list[tuple[float, str]] = []
    results = Predictions(api, companies("assets,debt\n0.1,1\n"), on_wait=lambda *wait: waits.append(wait))
    assert outcomes(results) == [(2, 0.1)]
    assert waits == [(0.01, "503 deploying: Later."), (0.02, "429 throttled: Slow.")]


def test_an_api_that_stays_unavailable_is_an_error(companies: Any) -> None:
    errors = [ApiError(503, "endpoint_unavailable", "Paused.", [], 0.001) for _ in range(9)]
    with pytest.raises(ApiError, match="Paused"):
        list(Predictions(Api(*errors), companies("assets,debt\n0.1,1\n")))


def test_a_paused_service_is_not_waited_for(companies: Any) -> None:
    def raise_paused() -> None:
        raise OperationError("paused")

    waits: list[tuple[float, str]] = []
    api = Api(ApiError(503, "endpoint_unavailable", "Away.", [], 30))
    found = companies("assets,debt\n0.1,1\n")
    with pytest.raises(OperationError, match="paused"):
        list(Predictions(api, found, on_wait=lambda *wait: waits.append(wait), check_endpoint=raise_paused))
    assert (len(api.bodies), waits) == (1, [])

    # AND neither is a service without a model
    def no_model(_path: str) -> dict[str, Any]:
        raise ApiError(503, "no_model", "None yet.", [], 60)

    api.get = no_model  # type: ignore[method-assign]
    with pytest.raises(OperationError, match="paused"):
        Predictions(api, found, check_endpoint=raise_paused)


def test_an_exceeded_quota_is_not_waited_for(companies: Any) -> None:
    api = Api(ApiError(429, "quota_exceeded", "Used up.", []))
    with pytest.raises(ApiError, match="Used up"):
        list(Predictions(api, companies("assets,debt\n0.1,1\n")))
    assert len(api.bodies) == 1


def test_a_failed_request_only_affects_its_own_companies(
    companies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "CHUNK_ROWS", 2)
    monkeypatch.setattr(predictions, "CONCURRENT_REQUESTS", 1)
    api = Api(*(ApiError(502, "model_error", "No.", [], 0.001) for _ in range(predictions.MOST_ATTEMPTS)))
    results = Predictions(api, companies("assets,debt\n0.1,1\n0.2,2\n0.3,3\n"))
    assert outcomes(results) == [(2, "502 model_error: No."), (3, "502 model_error: No."), (4, 0.3)]


def test_numbers_by_position_are_never_sent_under_another_contract() -> None:
    with pytest.raises(CompanyFileError, match="order of contract debt"):
        Predictions(Api(), ListedCompanies([[0.1, 1]], "debt+assets"))
    # Numbers by name are valid under every contract.
    assert outcomes(Predictions(Api(), ListedCompanies([{"assets": 0.1, "debt": 1}], "debt+assets"))) == [
        (0, 0.1)
    ]
    # Another version is deployed between two requests.
    api = Api()
    results = Predictions(api, ListedCompanies([[0.1, 1]]))
    api.names = ("debt", "assets")
    with pytest.raises(CompanyFileError, match="order of contract assets"):
        list(results)
