"""The built pipeline definition: parameters, steps and the gate; two builds are byte-identical."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from support.pipeline.definitions import (
    CODE,
    COMMIT,
    GOLDEN,
    JOB_ROLE,
    JOB_STEPS,
    PROJECT,
    build,
    resolve,
    walk,
)
from support.repository import ROOT

from local_aws.sagemaker.model_card import problems
from pipeline.definition import build_definition
from pipeline.project import Project


class TestBuild:
    def test_a_fresh_process_without_network_or_aws_settings_gives_the_same_bytes(
        self, tmp_path: Path
    ) -> None:
        script = (
            "import socket, sys\n"
            "def refuse(*_args, **_kwargs):\n"
            "    sys.exit('the build used the network')\n"
            "socket.socket.connect = socket.getaddrinfo = refuse\n"
            f"sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
            "from support.pipeline.definitions import build\n"
            "sys.stdout.write(build())\n"
        )
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEMAKER_"))
        }
        # Another hash seed than in this process, because the seed can change the order of sets.
        other = "1" if kept.get("PYTHONHASHSEED") != "1" else "2"
        fresh = subprocess.run(
            [sys.executable, "-c", script],
            env={**kept, "HOME": str(tmp_path), "PYTHONHASHSEED": other},
            capture_output=True,
            check=False,
        )
        assert fresh.stderr == b""
        assert fresh.stdout.decode() == build()

    def test_equals_the_golden_copy(self) -> None:
        assert build() == GOLDEN.read_text(), "run `make golden`, then review the diff"

    def test_does_not_change_the_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        monkeypatch.setenv("SAGEMAKER_VALIDATE_ROLE", "mine")
        environment, root = dict(os.environ), logging.getLogger()
        before = (boto3.DEFAULT_SESSION, list(root.handlers), root.level, root.manager.disable)
        build()
        assert dict(os.environ) == environment
        assert (boto3.DEFAULT_SESSION, root.handlers, root.level, root.manager.disable) == before

    def test_needs_the_code_of_every_step(self) -> None:
        with pytest.raises(ValueError, match="No code URI for Evaluate, Resample; every step needs one: "):
            build_definition(
                PROJECT,
                JOB_ROLE,
                {step: uri for step, uri in CODE.items() if step not in ("Resample", "Evaluate")},
                COMMIT,
            )

    @pytest.mark.parametrize(
        ("region", "account"),
        [("eu-west-1", "141502667606"), ("eu-west-3", "659782779980"), ("us-east-1", "683313688378")],
    )
    def test_uses_the_image_of_its_region(self, region: str, account: str) -> None:
        built = build_definition(Project("bankruptcy", "123456789012", region), JOB_ROLE, CODE, COMMIT)
        image = f"{account}.dkr.ecr.{region}.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
        assert set(re.findall(r'"[^"]*sagemaker-scikit-learn[^"]*"', built)) == {f'"{image}"'}


class TestParameters:
    def test_defaults_and_allowed_values(self, definition: dict[str, Any]) -> None:
        instances = [
            "ml.m5.large",
            "ml.m5.xlarge",
            "ml.m5.2xlarge",
            "ml.c5.xlarge",
            "ml.c5.2xlarge",
            "ml.c5.4xlarge",
        ]
        found = {
            item["Name"]: (item["Type"], item.get("DefaultValue"), item.get("EnumValues"))
            for item in definition["Parameters"]
        }
        assert found == {
            "InputDataUri": ("String", None, None),
            "FeatureCount": ("Integer", 50, None),
            "Resampler": ("String", "smote-tomek", ["smote-tomek", "smote", "none"]),
            "Estimator": ("String", "blend", ["blend", "boosting", "forest", "logistic", "networks"]),
            "RegisterCandidate": ("String", "best", ["best", "baseline", "recommended"]),
            "MinRocAuc": ("Float", 0.8, None),
            "CompareWithChampion": ("String", "yes", ["yes", "no"]),
            "ModelApprovalStatus": ("String", "PendingManualApproval", ["PendingManualApproval"]),
            "ProcessingInstanceType": ("String", "ml.m5.large", instances),
            "TrainingInstanceType": ("String", "ml.m5.large", instances),
            "RandomSeed": ("Integer", 42, None),
        }

    def test_executions_can_only_approve_if_the_deployment_allows_it(self) -> None:
        allowing = json.loads(build_definition(PROJECT, JOB_ROLE, CODE, COMMIT, automatic_approval=True))
        (status,) = (item for item in allowing["Parameters"] if item["Name"] == "ModelApprovalStatus")
        assert status["EnumValues"] == ["PendingManualApproval", "Approved"]
        assert status["DefaultValue"] == "PendingManualApproval"

    def test_no_experiment_is_made(self, definition: dict[str, Any]) -> None:
        assert set(definition) == {"Version", "Metadata", "Parameters", "Steps"}


class TestSteps:
    def test_names_and_kinds(self, definition: dict[str, Any]) -> None:
        assert [(step["Name"], step["Type"]) for step in walk(definition["Steps"])] == [
            ("SelectFeatures", "Processing"),
            ("Resample", "Processing"),
            ("TrainBaseline", "Training"),
            ("TrainRecommended", "Training"),
            ("Evaluate", "Processing"),
            ("CheckRocAuc", "Condition"),
            ("RegisterModel", "RegisterModel"),
            ("ModelRejected", "Fail"),
        ]

    @pytest.mark.parametrize(
        ("name", "inputs", "outputs", "options"),
        [
            ("SelectFeatures", ["data"], ["train", "test", "features"], ["--feature-count", "--random-seed"]),
            ("Resample", ["train", "features"], ["resampled"], ["--resampler", "--random-seed"]),
            (
                "Evaluate",
                ["baseline", "recommended", "test", "features", "champion"],
                ["evaluation", "model"],
                [
                    "--register-candidate",
                    "--random-seed",
                    "--min-roc-auc",
                    "--compare-with-champion",
                    "--execution-id",
                ],
            ),
        ],
    )
    def test_processing(
        self, steps: dict[str, Any], name: str, inputs: list[str], outputs: list[str], options: list[str]
    ) -> None:
        arguments = steps[name]["Arguments"]
        application = arguments["AppSpecification"]
        assert application["ContainerEntrypoint"] == ["python3", "/opt/ml/processing/input/code/run.py"]
        assert application["ContainerArguments"][::2] == options
        assert {
            item["InputName"]: item["S3Input"]["LocalPath"] for item in arguments["ProcessingInputs"]
        } == {item: f"/opt/ml/processing/input/{item}" for item in ["code", *inputs]}
        assert {
            item["OutputName"]: item["S3Output"]["LocalPath"]
            for item in arguments["ProcessingOutputConfig"]["Outputs"]
        } == {item: f"/opt/ml/processing/output/{item}" for item in outputs}
        assert arguments["ProcessingInputs"][0]["S3Input"]["S3Uri"] == CODE[name]
        assert arguments["NetworkConfig"] == {"EnableNetworkIsolation": True}

    @pytest.mark.parametrize(
        ("name", "channels", "hyperparameters"),
        [
            ("TrainBaseline", ["train", "resampled", "features"], ["random-seed"]),
            ("TrainRecommended", ["train", "features"], ["estimator", "random-seed"]),
        ],
    )
    def test_training(
        self, steps: dict[str, Any], name: str, channels: list[str], hyperparameters: list[str]
    ) -> None:
        arguments = steps[name]["Arguments"]
        assert [item["ChannelName"] for item in arguments["InputDataConfig"]] == ["code", *channels]
        assert arguments["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == CODE[name]
        assert arguments["HyperParameters"]["sagemaker_program"] == "run.py"
        assert arguments["HyperParameters"]["sagemaker_submit_directory"] == "/opt/ml/input/data/code"
        assert set(arguments["HyperParameters"]) == {
            "sagemaker_program",
            "sagemaker_submit_directory",
            *hyperparameters,
        }
        assert arguments["EnableNetworkIsolation"] is True

    def test_every_job_but_evaluate_is_cached_for_30_days(self, steps: dict[str, Any]) -> None:
        cached = {name: steps[name].get("CacheConfig") for name in JOB_STEPS}
        days = {"Enabled": True, "ExpireAfter": "30d"}
        assert cached == {**dict.fromkeys(JOB_STEPS, days), "Evaluate": None}

    def test_cache_keys_do_not_contain_the_execution(self, steps: dict[str, Any]) -> None:
        keys = ("AppSpecification", "Environment", "ProcessingInputs", "HyperParameters", "InputDataConfig")
        for name in JOB_STEPS[:-1]:
            arguments = steps[name]["Arguments"]
            assert "Execution." not in json.dumps([arguments.get(key) for key in keys]), name

    def test_every_step_that_calls_sagemaker_is_retried(self, steps: dict[str, Any]) -> None:
        retried = {
            name: {kind for policy in step.get("RetryPolicies", []) for kind in policy["ExceptionType"]}
            for name, step in steps.items()
        }
        request = {"Step.SERVICE_FAULT", "Step.THROTTLING"}
        job = {*request, "SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR"}
        none: set[str] = set()
        assert retried == {
            **dict.fromkeys(JOB_STEPS, job),
            "RegisterModel": request,
            "CheckRocAuc": none,
            "ModelRejected": none,
        }

    def test_jobs_have_the_projects_tag(self, steps: dict[str, Any]) -> None:
        assert {str(steps[name]["Arguments"]["Tags"]) for name in JOB_STEPS} == {
            "[{'Key': 'Project', 'Value': 'bankruptcy'}]"
        }


class TestGate:
    def test_all_conditions_must_hold(self, steps: dict[str, Any]) -> None:
        report = {"Get": "Steps.Evaluate.PropertyFiles.EvaluationReport"}
        assert steps["CheckRocAuc"]["Arguments"]["Conditions"] == [
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": {"Std:JsonGet": {"PropertyFile": report, "Path": "gate.roc_auc"}},
                "RightValue": {"Get": "Parameters.MinRocAuc"},
            },
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": {"Std:JsonGet": {"PropertyFile": report, "Path": "gate.out_of_fold_roc_auc"}},
                "RightValue": {"Get": "Parameters.MinRocAuc"},
            },
            {
                "Type": "GreaterThanOrEqualTo",
                "LeftValue": {
                    "Std:JsonGet": {"PropertyFile": report, "Path": "gate.not_worse_than_champion"}
                },
                "RightValue": 1,
            },
        ]
        assert steps["Evaluate"]["PropertyFiles"] == [
            {
                "PropertyFileName": "EvaluationReport",
                "OutputName": "evaluation",
                "FilePath": "evaluation.json",
            }
        ]

    def test_a_rejected_model_is_reported_with_threshold_and_report(self, steps: dict[str, Any]) -> None:
        message = steps["ModelRejected"]["Arguments"]["ErrorMessage"]
        assert resolve(message) == (
            "The model did not pass the gate (MinRocAuc: 0.8). The report gives the reason: "
            "s3://bucket/Steps.Evaluate.evaluation/report.html"
        )
        # AWS documents text, parameters, Join and step properties for this message, but not JsonGet.
        assert "Std:JsonGet" not in json.dumps(message)

    def test_the_judged_model_is_registered_with_its_metrics(self, steps: dict[str, Any]) -> None:
        package = resolve(steps["RegisterModel"]["Arguments"])
        (container,) = package["InferenceSpecification"]["Containers"]
        report = "s3://bucket/Steps.Evaluate.evaluation/evaluation.json"
        assert package["ModelPackageGroupName"] == "bankruptcy"
        assert package["ModelApprovalStatus"] == "PendingManualApproval"
        assert container["ModelDataUrl"] == "s3://bucket/Steps.Evaluate.model/model.tar.gz"
        assert container["Environment"]["SAGEMAKER_PROGRAM"] == "serve.py"
        assert container["Environment"]["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"
        assert package["ModelMetrics"]["ModelQuality"]["Statistics"] == {
            "ContentType": "application/json",
            "S3Uri": report,
        }
        assert package["InferenceSpecification"]["SupportedContentTypes"] == [
            "application/json",
            "text/csv",
            "application/jsonlines",
        ]
        assert package["CustomerMetadataProperties"] == {
            "ArchiveSha256": "selected.archive_sha256",
            "Candidate": "selected.candidate",
            "Commit": COMMIT,
            "ContractHash": "selected.contract",
            "ContractUri": "s3://bucket/Steps.Evaluate.model/contract.json",
            "Estimator": "selected.estimator",
            "EvaluationUri": report,
            "ExecutionId": "PipelineExecutionId",
            "ReportUri": "s3://bucket/Steps.Evaluate.evaluation/report.html",
            "RocAuc": "gate.roc_auc",
        }
        # A version inherits its group's tags, and CreateModelPackage rejects others.
        assert "Tags" not in package

    def test_a_version_has_a_model_card(self, steps: dict[str, Any]) -> None:
        # GIVEN the SDK's schema of a card, with the service's restrictions for packages
        from sagemaker.core.model_card import ModelCardContent

        card = steps["RegisterModel"]["Arguments"]["ModelCard"]
        content = json.loads(card["ModelCardContent"])
        # THEN the card fits it without losses, and local AWS accepts it
        parsed = ModelCardContent.model_validate(content)
        assert json.loads(parsed.model_dump_json(exclude_unset=True)) == content
        assert set(content["model_overview"]) <= {"model_creator", "model_artifact"}
        assert problems(card["ModelCardContent"]) == []
        assert "Do not use it" in content["intended_uses"]["intended_uses"]
        assert card["ModelCardStatus"] == "PendingReview"

    def test_the_model_and_its_evaluation_outlive_the_execution(self, steps: dict[str, Any]) -> None:
        outputs = steps["Evaluate"]["Arguments"]["ProcessingOutputConfig"]["Outputs"]
        places = {item["OutputName"]: resolve(item["S3Output"]["S3Uri"]) for item in outputs}
        assert places == {
            "evaluation": PROJECT.evaluation_uri("PipelineExecutionId").removesuffix("/evaluation.json"),
            "model": f"s3://{PROJECT.bucket}/models/PipelineExecutionId",
        }
