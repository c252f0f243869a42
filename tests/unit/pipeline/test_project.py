"""Names of a project's resources."""

import pytest

from pipeline.project import Project


def test_names_are_derived_from_project_account_and_region() -> None:
    project = Project("bankruptcy", "123456789012", "eu-west-1")
    assert project.bucket == "bankruptcy-123456789012-eu-west-1"
    assert project.model_package_group == project.pipeline == project.endpoint == "bankruptcy"
    assert (project.storage_stack, project.service_stack) == ("bankruptcy-storage", "bankruptcy-service")
    assert project.predict_function == "bankruptcy-predict-api"
    assert project.deploy_function == "bankruptcy-deploy-model"
    assert project.notices_function == "bankruptcy-send-notices"
    assert project.watch_function == "bankruptcy-watch-api"
    assert project.monitor_function == "bankruptcy-watch-model"
    assert project.monitoring_pipeline == "bankruptcy-monitoring"


@pytest.mark.parametrize("name", ["abc", "a-1", "a" * 24])
def test_names_at_the_limits_are_valid(name: str) -> None:
    assert Project(name, "123456789012", "eu-west-1").pipeline == name


@pytest.mark.parametrize("name", ["", "ab", "a" * 25, "1st", "Bankruptcy", "risk-", "risk_model", "risk\n"])
def test_other_names_are_rejected_with_the_rule(name: str) -> None:
    with pytest.raises(ValueError, match="3 to 24 lowercase letters, digits and hyphens"):
        Project(name, "123456789012", "eu-west-1")


def test_invalid_accounts_and_regions_are_rejected() -> None:
    with pytest.raises(ValueError, match=r"'1234-5678-9012' is not an AWS account id\. Use its 12 digits"):
        Project("bankruptcy", "1234-5678-9012", "eu-west-1")
    with pytest.raises(ValueError, match=r"'Ireland' is not an AWS region\. Use one such as 'eu-west-1'"):
        Project("bankruptcy", "123456789012", "Ireland")
