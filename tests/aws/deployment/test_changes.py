"""Deploying again, changing parameters, and destroying."""

from __future__ import annotations

import pytest
from support.deployment.resources import LOG_ROLE, accept, functions_of, leftovers, make_endpoint, make_model
from support.local_aws.cloud import Cloud

from scripts.aws.session import Aws, connect
from scripts.aws.stacks import Change, DeploymentError, Event
from scripts.deploy.deployment import Deployment, deploy
from scripts.deploy.teardown import destroy


def test_deploying_again_changes_nothing(deployed: Deployment, aws: Aws, cloud: Cloud) -> None:
    # GIVEN a paused service
    cloud.ssm.put_parameter(Name="/credit-risk/paused", Value="true", Overwrite=True)

    again = deploy(aws, confirm=lambda _: False)

    assert not again.changed
    assert again.outputs == deployed.outputs
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "true"
    cloud.ssm.put_parameter(Name="/credit-risk/paused", Value="false", Overwrite=True)


def test_parameters_change_persist_and_need_confirmation(
    deployed: Deployment, aws: Aws, cloud: Cloud
) -> None:
    """Deploy, change and destroy a second project next to the first."""
    second = connect("second")
    events: list[Event] = []
    settings = {
        "ApiRateLimit": "5",
        "AlarmEmail": "a@example.org",
        "PredictionLogSeconds": "60",
        "Monitoring": "off",
    }
    first = deploy(second, confirm=accept, on_event=events.append, parameters=settings)
    assert Event("second-service", "PredictFunction", "CREATE_COMPLETE") in events

    # WHEN a parameter of the API changes
    confirmed: list[Change] = []
    changed = deploy(
        second,
        confirm=lambda changes: bool(confirmed.extend(changes)),  # type: ignore[func-returns-value]
        parameters={"CorsOrigins": "https://a.org,https://b.org", "ApiKeyRequired": "false"},
    )

    # THEN no confirmation is needed, the API is deployed again, and the other parameters stay
    assert (changed.service, confirmed) == ("updated", [])
    stages = [
        cloud.apigateway.get_stage(restApiId=d.outputs.rest_api_id, stageName="prod")
        for d in (first, changed)
    ]
    assert stages[0]["methodSettings"]["*/*"]["throttlingRateLimit"] == 5
    # Parameters with a local default keep their values, too.
    (stack,) = cloud.cloudformation.describe_stacks(StackName="second-service")["Stacks"]
    kept = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    assert (kept["PredictionLogSeconds"], kept["BakeSeconds"]) == ("60", "0")
    # Monitoring stays off, and without RetrainOn nothing starts executions.
    rules = {rule["Name"] for rule in cloud.events.list_rules(NamePrefix="second-")["Rules"]}
    assert "second-monitored" in rules
    assert not rules & {"second-monitoring", "second-new-data"}
    deployments = cloud.apigateway.get_deployments(restApiId=changed.outputs.rest_api_id)["items"]
    assert [d["id"] for d in deployments] == [stages[1]["deploymentId"]]
    responses = cloud.apigateway.get_gateway_responses(restApiId=changed.outputs.rest_api_id)["items"]
    assert "'https://a.org'" in responses[0]["responseParameters"].values()
    resources = cloud.apigateway.get_resources(restApiId=changed.outputs.rest_api_id, embed=["methods"])
    methods = [m for r in resources["items"] for m in r.get("resourceMethods", {}).values()]
    assert not any(method["apiKeyRequired"] for method in methods)

    # WHEN a removal is not confirmed, THEN the resource stays
    with pytest.raises(DeploymentError, match=r"Not confirmed.*AlarmSubscription \(remove\)"):
        deploy(second, confirm=lambda _: False, parameters={"AlarmEmail": ""})
    topic = changed.outputs.alarm_topic_arn
    assert len(cloud.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]) == 1

    # WHEN an update fails, THEN the resource and the reason are named
    functions_of(cloud).delete_function(FunctionName="second-deploy-model")
    with pytest.raises(
        DeploymentError, match=r"UPDATE_ROLLBACK.*DeployFunction \(AWS::Lambda::Function\) failed"
    ):
        deploy(second, confirm=accept, parameters={"MinInstances": "2", "MaxInstances": "2"})

    # WHEN it is destroyed with its data, although a role was changed by hand
    role = changed.outputs.job_role_arn.rpartition("/")[2]
    cloud.iam.delete_role_policy(RoleName=role, PolicyName="job")
    gone = destroy(second, delete_data=True)

    # THEN nothing of it remains
    assert (gone.kept, gone.lost) == ([LOG_ROLE], [])
    assert "stack second-service" in gone.removed
    assert "stack second-storage" in gone.removed
    assert leftovers(cloud, "second") == []
    assert destroy(second, delete_data=True).removed == []

    # AND the first project has not changed
    assert not deploy(aws, confirm=lambda _: False).changed
    assert deployed.outputs.bucket_name in [b["Name"] for b in cloud.s3.list_buckets()["Buckets"]]


def test_deploying_after_an_interrupted_destroy_undoes_it(
    deployed: Deployment, aws: Aws, cloud: Cloud
) -> None:
    # GIVEN a destroy that was interrupted before it deleted the stack
    def interrupt(event: Event) -> None:
        if event.subject == "pipeline credit-risk":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destroy(aws, on_event=interrupt)
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "destroying"
    assert cloud.events.describe_rule(Name="credit-risk-reconcile")["State"] == "DISABLED"

    # WHEN it is deployed again
    events: list[Event] = []
    again = deploy(aws, confirm=accept, on_event=events.append)

    # THEN deploy_model is called again and may deploy
    assert (again.service, again.pipeline) == ("unchanged", "created")
    assert cloud.ssm.get_parameter(Name="/credit-risk/paused")["Parameter"]["Value"] == "false"
    rules = cloud.events.list_rules(NamePrefix="credit-risk-")["Rules"]
    assert [rule["State"] for rule in rules] == ["ENABLED"] * 10
    assert Event("service", "rule credit-risk-endpoint", "enabled again") in events


def test_destroying_keeps_the_data_and_lists_it(
    deployed: Deployment, aws: Aws, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN an endpoint as deploy_model would make it
    cloud.events.disable_rule(Name="credit-risk-endpoint")
    make_endpoint(cloud, deployed, "credit-risk-v1-0a1b2c3d")
    # AND the model of an interrupted scoring job, and a model of another project
    for name in ("credit-risk-score-20261123-101500-0a1b", "credit-risk-too-v1-0a1b2c3d"):
        make_model(cloud, deployed, name)

    # Local AWS loses nothing.
    monkeypatch.setattr(Aws, "is_local", False)
    gone = destroy(aws)

    assert gone.lost == ["predictions of the last 5 s that Firehose had not written yet"]
    assert gone.removed == [
        "endpoint credit-risk",
        "endpoint configuration credit-risk-v1-0a1b2c3d",
        "model credit-risk-score-20261123-101500-0a1b",
        "model credit-risk-v1-0a1b2c3d",
        "pipeline credit-risk",
        "pipeline credit-risk-monitoring",
        "stack credit-risk-service",
    ]
    assert gone.kept == [
        "s3://credit-risk-123456789012-eu-west-1 (data, code, models, predictions and runs)",
        "stack credit-risk-storage, which contains the bucket and the group",
        LOG_ROLE,
    ]
    assert leftovers(cloud, "credit-risk") == [
        "bucket credit-risk-123456789012-eu-west-1",
        "model credit-risk-too-v1-0a1b2c3d",
        "model package group credit-risk",
        "stack credit-risk-storage",
    ]
