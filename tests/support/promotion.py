"""Fixtures: a project in two accounts, staging and production, with a version to promote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from deploy_model import registry as deploy_model
from support.deployment.faults import Faults
from support.local_aws.accounts import two_accounts
from support.models.evaluations import evaluation
from support.models.small import register_folder, write_small_model
from typer.testing import CliRunner, Result

from local_aws.base.clients import ACCOUNT
from pipeline.jobs import sklearn_image
from pipeline.project import Project
from scripts.aws.registry import list_versions
from scripts.aws.session import Aws
from scripts.cli import app
from scripts.model.approval import find_version
from scripts.model.promotion import Promotion, promote

PROJECT = "risk"
NAMES = ["assets", "debt", "cash"]
REGIONS = {"staging": "eu-west-1", "production": "eu-central-1"}
EVALUATION = {"evaluation.json": json.dumps(evaluation()), "report.html": "<title>Report</title>"}
METADATA = {"RocAuc": "0.9", "Commit": "0123abc", "ExecutionId": "abcdefghijkl"}
NUMBERS = count()


@dataclass(frozen=True)
class Accounts:
    """The sessions of the root users of both accounts, and the faults of their requests."""

    staging: Any
    production: Any
    faults: Faults

    def pair(self, folder: Path, name: str | None = None) -> Pair:
        """Make a project in both accounts; register the model in the folder as version 1 in staging."""
        name = name or f"{PROJECT}-{next(NUMBERS)}"
        return Pair(self.stage(folder, name), empty_project(self.production, name))

    def stage(self, folder: Path, name: str) -> Aws:
        """Make a project in staging, and register the model in the folder as version 1."""
        staging = empty_project(self.staging, name)
        image = sklearn_image(REGIONS["staging"])
        register_folder(staging, folder, image=image, evaluation=EVALUATION)
        failures = {deploy_model.FAILED_ATTEMPTS: "1", deploy_model.FAILED_REASON: "x"}
        staging.client("sagemaker").update_model_package(
            ModelPackageArn=find_version(staging, 1)["ModelPackageArn"],
            CustomerMetadataProperties={**METADATA, **failures},
        )
        return staging


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    with two_accounts(tmp_path_factory.mktemp("aws"), PROJECT, REGIONS):
        sessions = [
            boto3.Session(profile_name=place, region_name=region) for place, region in REGIONS.items()
        ]
        # Only clients that are created after this have the faults.
        faults = Faults(*sessions)
        for session in sessions:
            # Promotions run thirty times, and creating clients is slow.
            vars(session)["client"] = cache(session.client)
        yield Accounts(*sessions, faults)


@dataclass(frozen=True)
class Pair:
    """A project in staging with version 1, and an empty one of the same name in production."""

    staging: Aws
    production: Aws

    def promote(self) -> Promotion:
        return promote(self.staging, self.production, 1)

    def run(self, *arguments: str, profile: str = "staging") -> Result:
        command = ["--project", self.staging.project.name, *arguments]
        return CliRunner(env={"AWS_PROFILE": profile}).invoke(app, command)

    def to_production(self, *arguments: str) -> Result:
        options = ("--to-profile", "production", "--to-region", REGIONS["production"])
        return self.run("promote", *arguments, *options)

    def holds(self) -> dict[str, bytes]:
        """Return the objects in production by key."""
        s3, bucket = self.production.client("s3"), self.production.project.bucket
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}

    def versions(self) -> list[int]:
        return [each.version for each in list_versions(self.production)]


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    write_small_model(tmp_path / "made", NAMES, seed=1)
    return tmp_path / "made"


@pytest.fixture
def pair(accounts: Accounts, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    # The tests are about what was done, not about the time between retries.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    return accounts.pair(model_folder)


def empty_project(session: Any, name: str) -> Aws:
    aws = Aws(session, Project(name, ACCOUNT, session.region_name))
    aws.client("s3").create_bucket(
        Bucket=aws.project.bucket, CreateBucketConfiguration={"LocationConstraint": aws.project.region}
    )
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return aws
