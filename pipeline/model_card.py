"""The model card of every registered version: what the model is for and not for, in SageMaker's form.

It holds what is true of each version. Figures differ from version to version: they are the package's
ModelMetrics. docs/model-card.md says the same at length.
"""

import json
from typing import Any

# A person reviews the card together with the version.
_STATUS = "PendingReview"

_CONTENT = {
    "model_overview": {"model_creator": "bankruptcy-mlops, trained by the project's SageMaker Pipeline"},
    "intended_uses": {
        "purpose_of_model": (
            "To estimate from its financial ratios how likely a company is to go bankrupt, so that "
            "people who watch many companies know which to look at first."
        ),
        "intended_uses": (
            "Ranking and screening of companies for review by a credit analyst; early warning in a "
            "portfolio; teaching how leak-free evaluation, calibration and MLOps are done. A person "
            "decides. Not to be used: as the only ground on which credit is refused, priced or called "
            "in; for natural persons or sole traders; for banks and insurers; for companies of other "
            "countries, years or accounting standards without a new evaluation on data of theirs; for "
            "trading."
        ),
        "factors_affecting_model_efficiency": (
            "Ratios must be computed and scaled as in the training data. The base rate drifts (in the "
            "training data about 6 percent bankrupt in the first rows and under 2 percent in the last): "
            "ranking holds, probabilities must be calibrated anew. Values far outside of the ranges seen "
            "in training."
        ),
        "risk_rating": "High",
        "explanations_for_risk_rating": (
            "A wrong warning can cost a company its credit and a missed one a lender its money; most "
            "companies flagged do not go bankrupt. So versions are registered for approval by a person."
        ),
    },
    "business_details": {
        "business_problem": "Few analysts, many companies: which accounts need a person's attention first.",
        "business_stakeholders": "Credit analysts, portfolio managers, model risk management.",
        "line_of_business": "Credit risk",
    },
    "training_details": {
        "training_observations": (
            "UCI data set 572, Taiwanese Bankruptcy Prediction, unless the execution was given other "
            "data: 6819 companies of 1999 to 2009, 95 ratios, 220 bankrupt (Liang, Lu, Tsai and Shih "
            "2016; CC BY 4.0). A fifth, chosen by a hash of the ratios, is never trained on. Columns are "
            "chosen, scaled and resampled within the training companies. Probabilities are calibrated on "
            "out-of-fold predictions of real companies."
        )
    },
    "evaluation_details": [
        {
            "name": "Unseen companies",
            "evaluation_observation": (
                "ROC-AUC with its bootstrap interval, PR-AUC, Brier score, confusion matrix and curves "
                "are in this version's model quality report, and in report.html beside it. One split of "
                "a few dozen bankruptcies is a noisy judge: the repeated cross-validation in "
                "docs/honest-figures.md is the steadier figure."
            ),
        }
    ],
    "additional_information": {
        "ethical_considerations": (
            "The ratios hold no data of persons. A company's staff, owners and creditors are affected "
            "all the same: whoever acts on a score should be able to say which figures led to it."
        ),
        "caveats_and_recommendations": (
            "There is no company identifier, so that one company may be on both sides of the split and "
            "every figure is somewhat optimistic. Values above 1 in 24 columns were read as a change of "
            "unit, which no documentation confirms. Approve a version only after its report; recalibrate "
            "yearly or when the base rate moves."
        ),
        "custom_details": {"Documentation": "docs/model-card.md"},
    },
}


def model_card() -> Any:
    """Return the card as the SDK's registration takes it."""
    from sagemaker.core.shapes import ModelPackageModelCard

    return ModelPackageModelCard(
        model_card_content=json.dumps(_CONTENT, sort_keys=True), model_card_status=_STATUS
    )
