"""Each step's request is valid for the API of SageMaker."""

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from support.pipeline.definitions import JOB_STEPS, build, resolve

from local_aws.base.validation import violations

OPERATIONS = {
    "Processing": ("CreateProcessingJob", {"ProcessingJobName": "name"}),
    "Training": ("CreateTrainingJob", {"TrainingJobName": "name"}),
    "RegisterModel": ("CreateModelPackage", {}),
}


@pytest.mark.parametrize("name", [*JOB_STEPS, "RegisterModel"])
def test_every_steps_request_is_valid_for_the_api(steps: dict[str, Any], name: str) -> None:
    operation, given = OPERATIONS[steps[name]["Type"]]
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model(operation).input_shape
    assert shape is not None
    request = {**resolve(steps[name]["Arguments"]), **given}
    assert ParamValidator().validate(request, shape).generate_report() == ""
    assert list(violations(shape, request)) == []


def test_the_definition_is_within_the_apis_limits() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    assert list(violations(model.shape_for("PipelineDefinition"), build())) == []


def test_the_validator_finds_wrong_values() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateProcessingJob").input_shape
    assert shape is not None
    wrong = {
        "ProcessingJobName": "not a name",
        "RoleArn": "role",
        "AppSpecification": {"ImageUri": "x" * 256, "ContainerArguments": []},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.none", "InstanceCount": 0, "VolumeSizeInGB": 10}
        },
    }
    assert {problem.split("'")[3] for problem in violations(shape, wrong)} == {
        "processingJobName",
        "roleArn",
        "appSpecification.imageUri",
        "appSpecification.containerArguments",
        "processingResources.clusterConfig.instanceType",
        "processingResources.clusterConfig.instanceCount",
    }
