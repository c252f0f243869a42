"""Schemas of requests and responses for the OpenAPI document; tests compare real responses with them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from predict_api.request.numbers import LARGEST


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, json_schema_extra={"format": "double"})]


class Numbers(RootModel[list[Number]]):
    """One company: one number for each feature, in the order of `GET /model`."""


class NamedNumbers(RootModel[dict[str, Number]]):
    """One company: one number for each feature, by name, in any order."""


_Pin = Annotated[
    str,
    Field(
        default_factory=str,
        description="Hash of the contract that the client was built for; 409 if it is no longer in service.",
    ),
]


_Id = Annotated[
    str,
    Field(
        default_factory=str,
        min_length=1,
        max_length=128,
        description="The client's own id of the company, echoed in its prediction. It joins outcomes later.",
    ),
]


class CompanyByPosition(_Form):
    """One company with its numbers in order."""

    data: Numbers
    id: _Id
    contract: _Pin


class CompanyByName(_Form):
    """One company with its numbers by name."""

    features: NamedNumbers
    id: _Id
    contract: _Pin


class PositionItem(_Form):
    """One of many companies, with its numbers in order."""

    data: Numbers
    id: _Id


class NameItem(_Form):
    """One of many companies, with its numbers by name."""

    features: NamedNumbers
    id: _Id


class CompanyList(RootModel[list[Numbers | NamedNumbers | PositionItem | NameItem]]):
    """Up to 1,000 companies."""

    root: list[Numbers | NamedNumbers | PositionItem | NameItem] = Field(min_length=1, max_length=1000)


class Companies(_Form):
    """Many companies."""

    instances: CompanyList
    contract: _Pin


class PredictRequest(RootModel[CompanyByPosition | CompanyByName | Companies | CompanyList]):
    """One company or many."""


class Probability(_Form):
    """Calibrated probabilities, which add up to 1."""

    not_bankrupt: float = Field(ge=0, le=1)
    bankrupt: float = Field(ge=0, le=1)


class Effect(_Form):
    """How one value changes a company's score. This describes the model, not the causes of bankruptcy."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "feature": "feature 1",
                    "value": 0.31,
                    "median": 0.11,
                    "effect": 0.84,
                    "direction": "raises",
                }
            ]
        },
    )

    feature: str
    value: float = Field(description="The company's value.")
    median: float = Field(description="The median of the training companies.")
    effect: float = Field(
        description="The value's contribution to the log-odds of bankruptcy, compared with the median."
    )
    direction: Literal["raises", "lowers"] = Field(description="Whether the value raises or lowers the risk.")


class ExplainedScore(_Form):
    """The score that an explanation adds up to: `median_log_odds`, the listed effects and `other_effects`."""

    log_odds: float = Field(description="The company's log-odds of bankruptcy.")
    median_log_odds: float = Field(description="The log-odds of a company with the median of each feature.")
    other_effects: float = Field(description="The sum of the effects that are not listed.")


class Prediction(_Form):
    """The prediction for one company."""

    prediction_id: str = Field(description="Identifies the prediction, for example in a file of outcomes.")
    id: str | None = Field(default=None, description="The company's id, if the request had one.")
    prediction: Literal[0, 1] = Field(description="1 if the probability reaches the model's threshold.")
    probability: Probability
    risk_level: str = Field(description="One of the risk levels of `GET /model`.")
    confidence: float = Field(ge=0.5, le=1, description="The larger of the two probabilities.")
    explanation: list[Effect] = Field(
        default_factory=list,
        max_length=5,
        description="Only with explain=true: the features that change the score most, largest effect first.",
    )
    explained_score: ExplainedScore | None = Field(
        default=None, description="Only with explain=true: the score, and the sum of the effects not listed."
    )


class ModelReference(_Form):
    """The model that made the prediction."""

    version: str | None = Field(description="Version of the model package.")
    contract: str = Field(description="Hash of the feature names in order.")


class Range(_Form):
    """Smallest and largest training value."""

    min: float
    max: float


class UnlikelyValue(_Form):
    """A value far outside the training range, or between the two units of a feature; check its unit."""

    loc: list[str | int]
    feature: str
    seen: Range
    message: str


class _Answer(_Form):
    timestamp: datetime
    model: ModelReference
    warnings: list[UnlikelyValue]


class PredictionAnswer(Prediction, _Answer):
    """The response for one company."""


class PredictionsAnswer(_Answer):
    """The response for many companies, in their order."""

    predictions: list[Prediction]


class PredictAnswer(RootModel[PredictionAnswer | PredictionsAnswer]):
    """One prediction or many, as in the request."""


class TwoUnits(_Form):
    """How the model converts a feature whose training values have two units."""

    largest_small: float = Field(description="Values up to this are multiplied by `small_factor`.")
    small_factor: float
    smallest_large: float = Field(description="No training value lies between `largest_small` and this.")
    large_factor: float = Field(description="Values above `largest_small` are multiplied by this.")


class Feature(_Form):
    """A feature of the model."""

    name: str
    min: float = Field(description="Smallest training value.")
    max: float = Field(description="Largest training value.")
    median: float = Field(description="Median of the training values.")
    two_units: TwoUnits | None = Field(default=None, description="Only for features with two units.")


class Expected(_Form):
    """The rates to expect when flagging every company from this level up, estimated in training."""

    false_positive_rate: float = Field(ge=0, le=1, description="Share of healthy companies flagged.")
    recall: float = Field(ge=0, le=1, description="Share of bankruptcies flagged.")
    precision: float = Field(ge=0, le=1, description="Share of flagged companies that go bankrupt.")


class RiskLevel(_Form):
    """A range of probabilities, which ends where the next level begins."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    level: str
    # A level that no company reaches starts just above 1.
    from_: float = Field(alias="from", ge=0)
    expected: Expected | None = None


class ModelAnswer(BaseModel):
    """The contract of the deployed model."""

    contract: str = Field(description="Hash of the feature names in order.")
    version: str
    features: list[Feature] = Field(description="In the order of `data`.")
    threshold: float = Field(description="The lowest probability for which `prediction` is 1.")
    risk_levels: list[RiskLevel]
    candidate: str
    estimator: str
    metrics: dict[str, object] = Field(description="The model's metrics on unseen companies.")


class HealthAnswer(_Form):
    """The API is up; `model` is the champion, or null before the first deployment."""

    status: Literal["ok"]
    timestamp: datetime
    model: ModelReference | None


class Detail(_Form):
    """One problem in the request."""

    loc: list[str | int] = Field(
        description="Keys and indexes from the root of the body, or `query` and a parameter's name."
    )
    message: str


class Error(_Form):
    """The error."""

    code: str = Field(description="Stable code for programs.")
    message: str
    details: list[Detail] = Field(description="At most 100.")
    request_id: str


class ErrorAnswer(_Form):
    """Every response other than 2xx."""

    error: Error
