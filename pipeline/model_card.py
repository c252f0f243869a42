"""The SageMaker model card of every registered version: intended uses, limits and ethical considerations.

It only contains facts that hold for every version. Metrics differ, so they are in the package's ModelMetrics.
docs/model-card.md has the long form.
"""

import json
from typing import Any

# A person reviews the card when approving the version.
_STATUS = "PendingReview"

_CONTENT = {
    "model_overview": {"model_creator": "bankruptcy-mlops, trained by the project's SageMaker Pipeline"},
    "intended_uses": {
        "purpose_of_model": (
            "To estimate from a company's financial ratios how likely it is to go bankrupt, so that people "
            "who monitor many companies know which ones to review first."
        ),
        "intended_uses": (
            "Ranking and screening of companies for review by a credit analyst; early warning in a "
            "portfolio; teaching leak-free evaluation, calibration and MLOps. A person makes the decision. "
            "Do not use it as the only reason to refuse, price or terminate credit; for natural persons or "
            "sole traders; for banks and insurers; for companies from other countries, years or accounting "
            "standards without a new evaluation on their data; or for trading."
        ),
        "factors_affecting_model_efficiency": (
            "Ratios must be computed and scaled as in the training data. The base rate differs "
            "between groups of firms in the training data, probably industries, from under 1 to over 10 "
            "percent. For a group that the model has not seen, the ranking is a little worse, and "
            "probabilities can be half or twice the real rate. Predictions are less reliable for values "
            "far outside the training range."
        ),
        "risk_rating": "High",
        "explanations_for_risk_rating": (
            "A false alarm can cost a company its credit, and a missed bankruptcy can cost a lender money. "
            "Most flagged companies do not go bankrupt. So a person must approve each version."
        ),
    },
    "business_details": {
        "business_problem": "A few analysts monitor many companies and must know which to review first.",
        "business_stakeholders": "Credit analysts, portfolio managers, model risk management.",
        "line_of_business": "Credit risk",
    },
    "training_details": {
        "training_observations": (
            "UCI data set 572, Taiwanese Bankruptcy Prediction, unless the execution used other data: 6819 "
            "companies from 1999 to 2009, 95 ratios, 220 bankrupt (Liang, Lu, Tsai and Shih 2016; CC BY "
            "4.0). About a fifth of the firms, selected by a hash of firm_id or else of the ratios, is never "
            "used for training. Columns are selected, scaled and resampled only within the training "
            "companies. Probabilities are calibrated on out-of-fold predictions for real companies."
        )
    },
    "evaluation_details": [
        {
            "name": "Unseen companies",
            "evaluation_observation": (
                "ROC-AUC with its bootstrap interval, PR-AUC, Brier score, confusion matrix and curves are "
                "in this version's model quality report, and in report.html next to it. One split with a "
                "few dozen bankruptcies gives noisy metrics; the evaluation of all companies in "
                "docs/honest-figures.md is more reliable."
            ),
        }
    ],
    "additional_information": {
        "ethical_considerations": (
            "The ratios contain no personal data. A score still affects a company's staff, owners and "
            "creditors, so people who act on a score should be able to explain it."
        ),
        "caveats_and_recommendations": (
            "The UCI data does not name firms. The project infers them from the order of the rows and keeps "
            "the rows of a firm on one side of the split; without the column firm_id, metrics are somewhat "
            "optimistic. Values above 1 in 24 columns are treated as being in another unit, which no "
            "documentation confirms. Read the report before approving a version. Compare the mean "
            "probability of a portfolio with its known rate of bankruptcies."
        ),
        "custom_details": {"Documentation": "docs/model-card.md"},
    },
}


def model_card() -> Any:
    """Return the card for the SDK's registration."""
    from sagemaker.core.shapes import ModelPackageModelCard

    return ModelPackageModelCard(
        model_card_content=json.dumps(_CONTENT, sort_keys=True), model_card_status=_STATUS
    )
