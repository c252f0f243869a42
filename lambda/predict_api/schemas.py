"""The forms of requests and answers, for the OpenAPI document; tests hold real answers against them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


# Of 64 bits, that is: what is larger reads as infinite and is refused.
Number = Annotated[float, Field(json_schema_extra={"format": "double"})]


class Numbers(RootModel[list[Number]]):
    """One company: one number per feature, in the order of `GET /model`."""


class NamedNumbers(RootModel[dict[str, Number]]):
    """One company: one number per feature, by name, in any order."""


_Pin = Annotated[
    str,
    Field(
        default_factory=str,
        description="Hash of the contract that the client was built against; 409 if it is no longer served.",
    ),
]


class CompanyByPosition(_Form):
    """One company, its numbers in order."""

    data: Numbers
    contract: _Pin


class CompanyByName(_Form):
    """One company, its numbers by name."""

    features: NamedNumbers
    contract: _Pin


class PositionItem(_Form):
    """One company of many, its numbers in order."""

    data: Numbers


class NameItem(_Form):
    """One company of many, its numbers by name."""

    features: NamedNumbers


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
    """Calibrated probabilities; they add up to 1."""

    not_bankrupt: float = Field(ge=0, le=1)
    bankrupt: float = Field(ge=0, le=1)


class Effect(_Form):
    """How one value moves a company's score: what the model makes of it, not what causes bankruptcy."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "feature": "Debt ratio %",
                    "value": 0.31,
                    "median": 0.11,
                    "effect": 0.84,
                    "direction": "raises",
                }
            ]
        },
    )

    feature: str
    value: float = Field(description="The company's.")
    median: float = Field(description="The median of the companies that the model was trained on.")
    effect: float = Field(
        description="The log-odds of bankruptcy, minus those with the median in the value's place."
    )
    direction: Literal["raises", "lowers"] = Field(description="Which way the value moves the risk.")


class Prediction(_Form):
    """What the model says of one company."""

    prediction: Literal[0, 1] = Field(description="1 when the probability reaches the model's threshold.")
    probability: Probability
    risk_level: str = Field(description="The band of `GET /model`'s risk levels.")
    confidence: float = Field(ge=0.5, le=1, description="The larger of the two probabilities.")
    explanation: list[Effect] = Field(
        default_factory=list,
        max_length=5,
        description="With explain=true alone: what moves the score most, the largest effect first.",
    )


class ModelReference(_Form):
    """The model that answered."""

    version: str | None = Field(description="Version of the model package.")
    contract: str = Field(description="Hash over the feature names and their order.")


class Range(_Form):
    """Smallest and largest value seen in training."""

    min: float
    max: float


class FarOutside(_Form):
    """A value far outside what the model has seen: its answer is an extrapolation."""

    loc: list[str | int]
    feature: str
    seen: Range
    message: str


class _Answer(_Form):
    timestamp: datetime
    model: ModelReference
    warnings: list[FarOutside]


class PredictionAnswer(Prediction, _Answer):
    """The answer for one company."""


class PredictionsAnswer(_Answer):
    """The answer for many companies, in their order."""

    predictions: list[Prediction]


class PredictAnswer(RootModel[PredictionAnswer | PredictionsAnswer]):
    """One prediction or many, as they were asked for."""


class Feature(_Form):
    """A number that the model wants."""

    name: str
    min: float = Field(description="Smallest value seen in training.")
    max: float = Field(description="Largest value seen in training.")
    median: float = Field(description="Median in training.")


class Expected(_Form):
    """What to expect of flagging every company from this level on, estimated in training."""

    false_positive_rate: float = Field(ge=0, le=1, description="Share of healthy companies flagged.")
    recall: float = Field(ge=0, le=1, description="Share of bankruptcies flagged.")
    precision: float = Field(ge=0, le=1, description="Share of flagged companies that go bankrupt.")


class RiskLevel(_Form):
    """A band of probability; it ends where the next begins."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    level: str
    # a level that no company reaches begins just above 1
    from_: float = Field(alias="from", ge=0)
    expected: Expected | None = None


class ModelAnswer(BaseModel):
    """The contract of the deployed model."""

    contract: str = Field(description="Hash over the feature names and their order.")
    version: str
    features: list[Feature] = Field(description="In the order of `data`.")
    threshold: float = Field(description="The probability from which on `prediction` is 1.")
    risk_levels: list[RiskLevel]
    candidate: str
    estimator: str
    metrics: dict[str, object] = Field(description="How the model did on companies it had never seen.")


class HealthAnswer(_Form):
    """The API is up; `model` is the one last published, null before the first."""

    status: Literal["ok"]
    timestamp: datetime
    model: ModelReference | None


class Detail(_Form):
    """One thing wrong with the input."""

    loc: list[str | int] = Field(
        description="Path of keys and positions in the body; `query` and a name for a parameter."
    )
    message: str


class Error(_Form):
    """What went wrong."""

    code: str = Field(description="Stable: decide on this one.")
    message: str
    details: list[Detail] = Field(description="At most 100.")
    request_id: str


class ErrorAnswer(_Form):
    """Every answer other than 2xx."""

    error: Error
