"""Conditions of pipeline executions on local AWS: comparisons and branches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.local_aws.cloud import BUCKET, OUT, WRITE, Cloud, out_uri, processing


def gate(threshold: float) -> dict[str, Any]:
    value = {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.Score.PropertyFiles.Report"},
            "Path": "metrics.auc.value",
        }
    }
    message = {
        "Std:Join": {"On": " ", "Values": ["Below", {"Get": "Parameters.Least"}, "in", out_uri("Score")]}
    }
    return {
        "Name": "Gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [
                {
                    "Type": "GreaterThanOrEqualTo",
                    "LeftValue": value,
                    "RightValue": {"Get": "Parameters.Least"},
                }
            ],
            "IfSteps": [
                {
                    "Name": "Register",
                    "Type": "RegisterModel",
                    "Arguments": {
                        "ModelPackageGroupName": "group",
                        "CustomerMetadataProperties": {"contract": "abc"},
                        "InferenceSpecification": {
                            "Containers": [{"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}],
                            "SupportedContentTypes": ["application/json"],
                            "SupportedResponseMIMETypes": ["application/json"],
                        },
                    },
                }
            ],
            "ElseSteps": [{"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": message}}],
        },
    }


@pytest.fixture
def scored(cloud: Cloud) -> list[dict[str, Any]]:
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    code = cloud.put_script("write", WRITE)
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "result.json"}
    score = processing("Score", code, [OUT, json.dumps({"metrics": {"auc": {"value": 0.9}}})])
    return [{**score, "PropertyFiles": [report]}, gate(0.8)]


LEAST = [{"Name": "Least", "Type": "Float", "DefaultValue": 0.8}]


def test_condition_true_registers_the_model(cloud: Cloud, scored: list[dict[str, Any]]) -> None:
    execution = cloud.start(scored, declared=LEAST)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded"
    found = cloud.steps(execution)
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert set(found) == {"Score", "Gate", "Register"}
    package = cloud.sagemaker.describe_model_package(
        ModelPackageName=found["Register"]["Metadata"]["RegisterModel"]["Arn"]
    )
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert package["CustomerMetadataProperties"] == {"contract": "abc"}
    assert package["MetadataProperties"] == {"GeneratedBy": execution}


def test_condition_false_fails_with_the_message(cloud: Cloud, scored: list[dict[str, Any]]) -> None:
    execution = cloud.start(scored, declared=LEAST, values={"Least": "0.95"})
    ended = cloud.finish(execution)
    assert ended["PipelineExecutionStatus"] == "Failed"
    assert ended["FailureReason"] == "Step failure: One or multiple steps failed."
    found = cloud.steps(execution)
    assert found["Gate"]["Metadata"] == {"Condition": {"Outcome": "False"}}
    assert found["Refuse"]["StepStatus"] == "Failed"
    assert found["Refuse"]["FailureReason"] == f"Below 0.95 in s3://{BUCKET}/runs/Score"
    assert "Register" not in found
    assert cloud.sagemaker.list_model_packages(ModelPackageGroupName="group")["ModelPackageSummaryList"] == []


def test_a_missing_path_fails_the_condition(cloud: Cloud, scored: list[dict[str, Any]]) -> None:
    scored[0]["Arguments"]["AppSpecification"]["ContainerArguments"][1] = "{}"
    execution = cloud.start(scored, declared=LEAST)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Failed"
    assert cloud.steps(execution)["Gate"]["FailureReason"] == (
        "There is no metrics.auc.value in property file Report of step Score."
    )


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        ({"Type": "Equals", "LeftValue": 1, "RightValue": 1}, "True"),
        ({"Type": "In", "QueryValue": "a", "Values": ["b", {"Get": "Parameters.Letter"}]}, "True"),
        ({"Type": "Not", "Condition": {"Type": "LessThan", "LeftValue": 1, "RightValue": 2}}, "False"),
        (
            {
                "Type": "Or",
                "Conditions": [
                    {"Type": "GreaterThan", "LeftValue": 1, "RightValue": 2},
                    {"Type": "LessThanOrEqualTo", "LeftValue": 1, "RightValue": 1},
                ],
            },
            "True",
        ),
    ],
)
def test_each_type_of_condition(cloud: Cloud, condition: dict[str, Any], outcome: str) -> None:
    step = {
        "Name": "C",
        "Type": "Condition",
        "Arguments": {"Conditions": [condition], "IfSteps": [], "ElseSteps": []},
    }
    declared = [{"Name": "Letter", "Type": "String", "DefaultValue": "a"}]
    execution = cloud.start([step], declared=declared)
    assert cloud.finish(execution)["PipelineExecutionStatus"] == "Succeeded"
    assert cloud.steps(execution)["C"]["Metadata"]["Condition"]["Outcome"] == outcome
