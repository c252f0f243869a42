"""AWS errors become messages that say what to do."""

import pytest
from botocore.exceptions import ClientError

from scripts.aws.failures import explain


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("ListModelPackages", "ValidationException", "Model Package Group does not exist."),
        ("ListPipelineExecutions", "ResourceNotFound", "Pipeline 'bankruptcy' does not exist."),
        ("StartPipelineExecution", "ResourceNotFound", "Pipeline 'bankruptcy' does not exist."),
    ],
)
def test_what_deploy_makes_is_missing_before_deploy(operation: str, code: str, message: str) -> None:
    error = explain(ClientError({"Error": {"Code": code, "Message": message}}, operation))
    assert error is not None
    assert error.problem == message
    assert error.hint == "Run `bankruptcy deploy` first."


def test_another_validation_error_does_not_point_to_deploy() -> None:
    rejected = {"Error": {"Code": "ValidationException", "Message": "MaxResults is too large."}}
    error = explain(ClientError(rejected, "ListModelPackages"))  # type: ignore[arg-type]
    assert error is not None
    assert "deploy" not in str(error)
