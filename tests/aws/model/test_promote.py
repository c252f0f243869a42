"""`bankruptcy promote` copies a version between two accounts, once, whatever interrupts or changes it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from support.deployment.faults import Fault, Killed, interrupt_at, killed, lost
from support.models.small import register_folder, write_small_model
from support.promotion import (
    EVALUATION,
    METADATA,
    NAMES,
    NUMBERS,
    PROJECT,
    REGIONS,
    Accounts,
    Pair,
    empty_project,
)
from typer.testing import Result

from pipeline.jobs import sklearn_image
from scripts.aws.files import FileError, split_uri
from scripts.aws.registry import list_versions, metadata_of
from scripts.aws.session import Aws, connect
from scripts.model.approval import find_version, set_approval
from scripts.model.archives import ArchiveError
from scripts.model.promotion import PromotionError, promote


def text(result: Result) -> str:
    return " ".join(result.output.split())


def test_everything_about_a_version_travels(pair: Pair, tmp_path: Path) -> None:
    set_approval(pair.staging, find_version(pair.staging, 1), "Approved", "tested in staging")
    source = find_version(pair.staging, 1)
    promotion = pair.promote()
    copy = find_version(pair.production, None)
    assert (promotion.source["ModelPackageArn"], promotion.created) == (source["ModelPackageArn"], True)
    assert promotion.copy["ModelPackageArn"] == copy["ModelPackageArn"]
    # The copy waits for approval; it has the figures, and the lineage of both places.
    assert copy["ModelApprovalStatus"] == "PendingManualApproval"
    metadata, original = metadata_of(copy), metadata_of(source)
    assert metadata["PromotedFrom"] == source["ModelPackageArn"]
    kept = {*METADATA, "ArchiveSha256", "ContractHash"}
    assert {name: metadata[name] for name in kept} == {name: original[name] for name in kept}
    # What happened to the version in staging stays there.
    assert set(metadata) == {*kept, "PromotedFrom", "ContractUri", "EvaluationUri", "ReportUri"}
    # It refers only to files of its own project, which are copies of those in staging.
    folder = f"models/promoted-{metadata['ArchiveSha256']}"
    bucket, staging_bucket = pair.production.project.bucket, pair.staging.project.bucket
    assert metadata["ContractUri"] == f"s3://{bucket}/{folder}/contract.json"
    assert metadata["ReportUri"] == f"s3://{bucket}/{folder}/evaluation/report.html"
    statistics = copy["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert metadata["EvaluationUri"] == statistics["S3Uri"]
    assert statistics["S3Uri"] == f"s3://{bucket}/{folder}/evaluation/evaluation.json"
    container = copy["InferenceSpecification"]["Containers"][0]
    assert container["ModelDataUrl"] == f"s3://{bucket}/{folder}/model.tar.gz"
    assert staging_bucket not in json.dumps(copy, default=str)
    there = {"profile": "production"}
    shown = pair.run("--region", REGIONS["production"], "model", "show", **there)
    assert "ROC-AUC 0.941 (0.910 to 0.969)" in text(shown)
    report = ("report", "--version", "1", "--no-open", "--output", str(tmp_path / "report.html"))
    shown = pair.run("--region", REGIONS["production"], *report, **there)
    assert "Report of version 1:" in text(shown)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == EVALUATION["report.html"]
    # The image is that of the region, and the code in the archive runs as before.
    assert container["Image"] == sklearn_image(REGIONS["production"])
    assert container["Environment"] == source["InferenceSpecification"]["Containers"][0]["Environment"]
    names = ("contract.json", "evaluation/evaluation.json", "evaluation/report.html", "model.tar.gz")
    s3 = pair.staging.client("s3")
    assert pair.holds() == {
        f"{folder}/{name}": s3.get_object(Bucket=staging_bucket, Key=f"models/made/{name}")["Body"].read()
        for name in names
    }


def test_a_version_is_registered_once(pair: Pair) -> None:
    assert pair.promote().created
    set_approval(pair.production, find_version(pair.production, 1), "Approved")
    again = pair.promote()
    assert (again.created, again.copy["ModelPackageVersion"]) == (False, 1)
    assert again.copy["ModelApprovalStatus"] == "Approved"
    assert pair.versions() == [1]


@pytest.mark.parametrize("fault", [killed, lost])
def test_interrupted_at_any_request_it_ends_right_when_run_again(
    accounts: Accounts, pair: Pair, model_folder: Path, fault: Fault
) -> None:
    for number in range(1, 100):
        pair = accounts.pair(model_folder)
        try:
            with accounts.faults.where(interrupt_at(number, fault)):
                pair.promote()
        except (Killed, BotoCoreError, FileError):
            # A registered version is complete at every moment.
            for version in pair.versions():
                find_version(pair.production, version)
                assert len(pair.holds()) == 4
            promotion = pair.promote()
            assert pair.versions() == [1], f"interrupted at {accounts.faults.requests[-1]}"
            assert promotion.copy["ModelPackageVersion"] == 1
            assert not pair.promote().created
        else:
            assert number > 10
            return


def test_a_registration_whose_answer_was_lost_is_repeated_once(accounts: Accounts, pair: Pair) -> None:
    answers, faults = iter([lost]), accounts.faults
    with faults.where(
        lambda _, name: next(answers, None) if name == "sagemaker.CreateModelPackage" else None
    ):
        assert pair.promote().created
    assert faults.requests.count("sagemaker.CreateModelPackage") == 2
    assert pair.versions() == [1]


def damage(aws: Aws, uri: str, content: bytes = b"another") -> None:
    bucket, key = split_uri(uri)
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=content)


def test_an_archive_that_was_changed_in_the_source_is_not_uploaded(pair: Pair) -> None:
    package = find_version(pair.staging, 1)
    damage(pair.staging, package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    with pytest.raises(ArchiveError, match="The archive of version 1 was changed after it was evaluated"):
        pair.promote()
    assert (pair.versions(), pair.holds()) == ([], {})


def test_an_archive_that_is_changed_on_the_way_is_not_registered(accounts: Accounts, pair: Pair) -> None:
    # GIVEN somebody who replaces the archive in the target between the upload and the registration
    copies: list[str] = []

    def note_upload_then_replace(request: Any, operation: str) -> None:
        if operation == "s3.PutObject" and request.url.endswith("model.tar.gz"):
            copies.append(request.url)
        elif operation == "s3.GetObject" and request.url in copies:
            copies.remove(request.url)
            uri = f"s3://{pair.production.project.bucket}/models/{request.url.partition('/models/')[2]}"
            damage(pair.production, uri)

    with (
        accounts.faults.where(lambda *_: note_upload_then_replace),
        pytest.raises(ArchiveError, match="The copy was not registered") as error,
    ):
        pair.promote()
    assert f"s3://{pair.production.project.bucket}/models/promoted-" in str(error.value)
    assert pair.versions() == []
    # WHEN it is repeated without them, THEN it succeeds
    assert pair.promote().created


def test_a_copy_that_was_changed_is_reported_and_not_repaired(pair: Pair) -> None:
    copy = pair.promote().copy
    damage(pair.production, copy["InferenceSpecification"]["Containers"][0]["ModelDataUrl"])
    with pytest.raises(ArchiveError, match="The archive of version 1 was changed after it was evaluated"):
        pair.promote()
    assert pair.versions() == [1]


@pytest.mark.parametrize("change", ["another contract", "another range", "no known answer", "not JSON"])
def test_a_contract_that_is_not_the_archives_is_refused(pair: Pair, change: str) -> None:
    uri = metadata_of(find_version(pair.staging, 1))["ContractUri"]
    bucket, key = split_uri(uri)
    contract = json.loads(pair.staging.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    if change == "another contract":
        contract["contract"] = "0123456789abcdef"
    elif change == "another range":
        contract["features"][0]["max"] = 1e9
    else:
        del contract["smoke_test"]
    damage(pair.staging, uri, b"{" if change == "not JSON" else json.dumps(contract).encode())
    with pytest.raises(PromotionError, match=r"The contract of version 1, s3://.* is not the one that was"):
        pair.promote()
    assert (pair.versions(), pair.holds()) == ([], {})


def test_what_does_not_fit_the_target_is_refused(pair: Pair, model_folder: Path) -> None:
    # GIVEN a version of another release's image, a rejected one, and one with a file elsewhere
    old_image = sklearn_image(REGIONS["staging"]).replace("1.9-0", "1.4-2")
    register_folder(pair.staging, model_folder, image=old_image)
    for _ in range(2):
        register_folder(pair.staging, model_folder, image=sklearn_image(REGIONS["staging"]))
    set_approval(pair.staging, find_version(pair.staging, 3), "Rejected")
    sagemaker = pair.staging.client("sagemaker")
    sagemaker.update_model_package(
        ModelPackageArn=find_version(pair.staging, 1)["ModelPackageArn"],
        CustomerMetadataProperties={"ContractUri": "s3://elsewhere/contract.json"},
    )
    for version, problem in (
        (1, "refers to s3://elsewhere/contract.json, which is not in the folder of its archive"),
        (2, "runs in the image sagemaker-scikit-learn:1.4-2-cpu-py3, but this release deploys"),
        (3, "Version 3 is rejected"),
    ):
        with pytest.raises(PromotionError, match=problem):
            promote(pair.staging, pair.production, version)
    with pytest.raises(PromotionError, match=r"has no champion to promote"):
        promote(pair.staging, pair.production)
    # AND a target that is not deployed
    absent = connect("absent", profile="production", region=REGIONS["production"])
    with pytest.raises(
        PromotionError, match=r"absent \(account 123456789012, eu-central-1\) is not deployed"
    ):
        promote(pair.staging, absent, 4)
    assert (pair.versions(), pair.holds()) == ([], {})


def test_the_command_names_what_comes_next(pair: Pair) -> None:
    name = pair.staging.project.name
    shown = pair.to_production("1")
    assert shown.exit_code == 0, shown.output
    assert (
        f"Version 1 of {name} (account 123456789012, eu-west-1) was copied to {name} (account 123456789012, "
        "eu-central-1) as version 1: PendingManualApproval."
    ) in text(shown)
    options = f"--project {name} --region eu-central-1"
    assert f"AWS_PROFILE=production bankruptcy model preview 1 --on FILE {options}" in text(shown)
    assert f"AWS_PROFILE=production bankruptcy model approve 1 --wait {options}" in text(shown)
    assert "had already been copied to" in text(pair.to_production("1"))
    # An approved copy needs no approval.
    set_approval(pair.production, find_version(pair.production, 1), "Approved")
    assert "model approve" not in text(pair.to_production("1"))


def test_a_company_file_shows_the_comparison_with_the_targets_champion(
    pair: Pair, model_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "companies.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([NAMES, *([0.1 * n, -0.3 * n, 0.7 * n] for n in range(-50, 50))])
    # GIVEN a target without a champion, THEN there is nothing to compare with
    shown = pair.to_production("1", "--on", str(file))
    assert "There is no champion to compare version 1 with." in text(shown)
    document = json.loads(pair.to_production("1", "--on", str(file), "--json").stdout)
    assert (document["version"], document["created"], document["preview"]) == (1, False, None)
    # GIVEN a champion in both places; by default, the source's is promoted
    publish(pair.production, 1)
    write_small_model(tmp_path / "newer", NAMES, seed=2)
    register_folder(pair.staging, tmp_path / "newer", image=sklearn_image(REGIONS["staging"]))
    publish(pair.staging, 2)
    document = json.loads(pair.to_production("--on", str(file), "--json").stdout)
    assert (document["promoted_version"], document["version"], document["created"]) == (2, 2, True)
    assert document["target"] == {
        "project": pair.production.project.name,
        "account": "123456789012",
        "region": "eu-central-1",
    }
    compared = document["preview"]
    assert (compared["champion"], compared["version"], compared["companies"]) == (1, 2, 100)
    assert compared["changed"] > 0
    assert "would have another risk level" in text(pair.to_production("--on", str(file)))


def publish(aws: Aws, version: int) -> None:
    """Make a version the champion."""
    body = json.dumps({"contract": "", "version": str(version)}).encode()
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="champion/contract.json", Body=body)


def test_a_target_that_cannot_be_one_is_a_usage_error(pair: Pair, tmp_path: Path) -> None:
    for arguments, problem in (
        ((), "The target is the project"),
        (("--to-profile", "none"), "The config profile (none) could not be found"),
        (("--to-profile", "production", "--local"), "can't be used together"),
    ):
        shown = pair.run("promote", "1", *arguments)
        assert shown.exit_code == 2, shown.output
        assert problem in text(shown)
    shown = pair.to_production("1", "--on", str(tmp_path / "missing.csv"))
    assert shown.exit_code == 1
    assert pair.versions() == []


def test_a_project_in_the_same_account_can_be_the_target(pair: Pair) -> None:
    other = empty_project(pair.staging.session, f"{PROJECT}-{next(NUMBERS)}")
    shown = pair.run("promote", "1", "--to-project", other.project.name)
    assert shown.exit_code == 0, shown.output
    assert [each.version for each in list_versions(other)] == [1]


def test_the_deployers_policies_are_enough_but_cannot_register_an_approved_version(
    accounts: Accounts, model_folder: Path
) -> None:
    accounts.pair(model_folder, PROJECT)
    staging, production = (
        connect(PROJECT, profile=f"{place}-deployer", region=region) for place, region in REGIONS.items()
    )
    promotion = promote(staging, production, 1)
    assert promotion.created
    # AND the policies allow no version that is approved from the start
    specification = promotion.copy["InferenceSpecification"]
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:CreateModelPackage"):
        production.client("sagemaker").create_model_package(
            ModelPackageGroupName=PROJECT,
            ModelApprovalStatus="Approved",
            InferenceSpecification=specification,
        )
