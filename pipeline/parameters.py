"""The pipeline's parameters, which can be set when an execution is started."""

from typing import Any

FEATURE_COUNT = 50
ESTIMATORS = ["blend", "boosting", "forest", "logistic", "networks"]
RESAMPLERS = ["smote-tomek", "smote", "none"]
CANDIDATES = ["best", "baseline", "recommended"]
# With `no`, MinRocAuc is the only gate. Use it if the champion is known to be wrong.
COMPARE_WITH_CHAMPION = ["yes", "no"]
WAITING, APPROVED = "PendingManualApproval", "Approved"
INSTANCE_TYPES = [
    "ml.m5.large",
    "ml.m5.xlarge",
    "ml.m5.2xlarge",
    "ml.c5.xlarge",
    "ml.c5.2xlarge",
    "ml.c5.4xlarge",
]
# With as few bankruptcies as a fifth of the UCI file has, the ROC-AUC of a model varies between splits with a
# standard deviation of about 0.03. With 0.80, a model of 0.90 passes and one of 0.70 fails, each by about
# three standard deviations.
MIN_ROC_AUC = 0.80

# The smallest and largest value of each number. SageMaker has no ranges, so they are checked at the start.
RANGES: dict[str, tuple[float, float]] = {
    "FeatureCount": (1, 95),
    "MinRocAuc": (0, 1),
    "RandomSeed": (0, 2**32 - 1),
}


class Parameters:
    """The parameters as the SDK's pipeline variables.

    Parameters
    ----------
    automatic_approval
        Whether executions can register a model as approved, which deploys it without a person's review.
    """

    def __init__(self, *, automatic_approval: bool) -> None:
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

        def choice(name: str, choices: list[str]) -> Any:
            return ParameterString(name, default_value=choices[0], enum_values=choices)

        # No default: whoever starts an execution chooses the data.
        self.input_data_uri: Any = ParameterString("InputDataUri")
        self.feature_count: Any = ParameterInteger("FeatureCount", default_value=FEATURE_COUNT)
        self.resampler = choice("Resampler", RESAMPLERS)
        self.estimator = choice("Estimator", ESTIMATORS)
        self.register_candidate = choice("RegisterCandidate", CANDIDATES)
        self.min_roc_auc: Any = ParameterFloat("MinRocAuc", default_value=MIN_ROC_AUC)
        self.compare_with_champion = choice("CompareWithChampion", COMPARE_WITH_CHAMPION)
        self.model_approval_status = choice(
            "ModelApprovalStatus", [WAITING, APPROVED] if automatic_approval else [WAITING]
        )
        self.processing_instance_type = choice("ProcessingInstanceType", INSTANCE_TYPES)
        self.training_instance_type = choice("TrainingInstanceType", INSTANCE_TYPES)
        self.random_seed: Any = ParameterInteger("RandomSeed", default_value=42)

    def all(self) -> list[Any]:
        """Return all parameters, in the order in which the console lists them."""
        return list(vars(self).values())
