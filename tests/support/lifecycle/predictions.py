"""Checks of predictions: those of the API, and those for a portfolio."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from support.lifecycle.service import Service

from scripts.predict.client import ApiClient, ApiError


def check_answers(service: Service, client: ApiClient, companies: pd.DataFrame) -> None:
    """Check that the API predicts with the evaluated model, and rejects an invalid request."""
    # The company whose probability the evaluation stored, by position
    contract = service.contract()
    known = contract["smoke_test"]
    assert isinstance(known, dict)
    answer = client.predict({"data": known["features"]})
    assert math.isclose(answer["probability"]["bankrupt"], known["probability"], abs_tol=1e-9)
    assert math.isclose(sum(answer["probability"].values()), 1.0)
    assert answer["model"] == {"version": "1", "contract": contract["contract"]}
    assert answer["prediction"] == int(known["probability"] >= contract["threshold"])

    # By position and by name, the prediction is the same.
    names = [feature["name"] for feature in client.get("/model")["features"]]
    company = companies.rename(columns=str.strip).iloc[7][names].astype(float)
    by_name = client.predict({"instances": [company.to_dict()]})["predictions"][0]
    assert by_name["probability"] == probability_of(client, companies, 7)

    # Bad input
    assert rejection(client, [1.0, 2.0]) == (422, "validation_failed")


def check_portfolio(service: Service, client: ApiClient, companies: pd.DataFrame, folder: Path) -> None:
    """Check that scoring a portfolio gives the same results as the API."""
    # A file with more columns in another order, and one bad line
    portfolio = companies[sorted(companies.columns, reverse=True)].head(40).astype(object)
    portfolio.iloc[3] = "?"
    portfolio.insert(0, "name", [f"C{number}" for number in range(40)])
    portfolio.to_csv(folder / "portfolio.csv", index=False)

    service.run("score", str(folder / "portfolio.csv"), str(folder / "result.csv"), "--id", "name")

    # Each good line has the API's prediction, and the bad line is listed.
    result = pd.read_csv(folder / "result.csv")
    good = [number for number in range(40) if number != 3]
    assert result["name"].tolist() == [f"C{number}" for number in good]
    names = [feature["name"] for feature in client.get("/model")["features"]]
    asked = companies.rename(columns=str.strip).iloc[good][names].astype(float)
    answers = client.predict({"instances": asked.to_numpy().tolist()})["predictions"]
    assert result["probability_bankrupt"].tolist() == [each["probability"]["bankrupt"] for each in answers]
    assert result["risk_level"].tolist() == [each["risk_level"] for each in answers]
    assert pd.read_csv(folder / "result.errors.csv")["line"].tolist() == [5]


def rejection(client: ApiClient, company: list[float]) -> tuple[int, str]:
    """Predict a company, which the API must reject; return status and code of the error."""
    with pytest.raises(ApiError) as error:
        client.predict({"data": company})
    return error.value.status, error.value.code


def probability_of(client: ApiClient, companies: pd.DataFrame, row: int) -> dict[str, float]:
    """Predict a company by position."""
    names = [feature["name"] for feature in client.get("/model")["features"]]
    company = companies.rename(columns=str.strip).iloc[row][names].astype(float)
    probability: dict[str, float] = client.predict({"data": company.tolist()})["probability"]
    return probability


def answering_version(service: Service, client: ApiClient) -> str:
    """Return the version that predicts."""
    answer = client.predict({"data": smoke(service)})
    version: str = answer["model"]["version"]
    return version


def smoke(service: Service) -> list[float]:
    """Return the smoke-test company of the champion's contract."""
    known = service.contract()["smoke_test"]
    assert isinstance(known, dict)
    numbers: list[float] = known["features"]
    return numbers
