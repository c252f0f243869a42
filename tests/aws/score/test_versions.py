"""The version that scores, and versions that are rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.local_aws.cloud import ROLE
from support.models.small import SERVING
from support.score.portfolios import run

from scripts.aws.session import Aws
from scripts.model.archives import ArchiveError
from scripts.score.model import Model, ScoringError, choose_model
from scripts.score.scoring import Order, score


@pytest.mark.parametrize("recorded", [True, False])
def test_a_version_without_its_contract_is_rejected(
    aws: Aws, register: Callable[[str], None], recorded: bool
) -> None:
    register("Approved")
    if recorded:
        aws.client("s3").delete_object(Bucket=aws.project.bucket, Key="models/contract.json")
    else:
        aws.client("sagemaker").update_model_package(
            ModelPackageArn=choose_model(aws, None).arn, CustomerMetadataPropertiesToRemove=["ContractUri"]
        )
    with pytest.raises(ScoringError, match="The contract of version 1 is missing") as failed:
        choose_model(aws, None)
    assert failed.value.hint == "Choose another version with --version."


def test_an_archive_that_was_changed_after_it_was_judged_scores_nothing(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    register("Approved")
    aws.client("s3").put_object(Bucket=aws.project.bucket, Key="models/m.tar.gz", Body=b"swapped")
    (tmp_path / "in.csv").write_text("id,a,b\nC1,1,2\n")
    with pytest.raises(ArchiveError, match="version 1 was changed after it was evaluated") as failed:
        run(aws, str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    assert failed.value.hint.startswith("Choose another version, and find out")
    assert not (tmp_path / "out.csv").exists()
    # AND a version that does not record the hash of its archive is not trusted, either
    arn = aws.client("sagemaker").list_model_packages(ModelPackageGroupName="scoring")
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=arn["ModelPackageSummaryList"][0]["ModelPackageArn"],
        CustomerMetadataPropertiesToRemove=["ArchiveSha256"],
    )
    with pytest.raises(ArchiveError, match="Version 1 does not record the ArchiveSha256"):
        choose_model(aws, 1)


def test_the_champion_scores_or_else_the_newest_approved_version(
    aws: Aws, register: Callable[[str], None]
) -> None:
    with pytest.raises(ScoringError, match="No version of the model has been approved"):
        choose_model(aws, None)
    for approval in ("Approved", "Approved", "Rejected"):
        register(approval)
    types = ("ml.m5.large", "ml.m5.xlarge")
    assert choose_model(aws, None) == Model(
        choose_model(aws, 2).arn, 2, ("b", "a"), "21293902a1a1ee52", SERVING, types
    )
    aws.client("s3").put_object(
        Bucket=aws.project.bucket, Key="champion/contract.json", Body=json.dumps({"version": "1"})
    )
    assert [choose_model(aws, version).version for version in (None, 2)] == [1, 2]
    with pytest.raises(ScoringError, match=r"Version 3 is not approved, .* approved versions: 1, 2\."):
        choose_model(aws, 3)
    with pytest.raises(ScoringError, match="There is no version 9; known versions: 1, 2, 3"):
        choose_model(aws, 9)
    # AND if the champion has been rejected, the newest approved version
    aws.client("sagemaker").update_model_package(
        ModelPackageArn=choose_model(aws, 1).arn, ModelApprovalStatus="Rejected"
    )
    assert choose_model(aws, None).version == 2


def test_an_unsupported_instance_type_is_rejected_beforehand(
    aws: Aws, register: Callable[[str], None], tmp_path: Path
) -> None:
    register("Approved")
    order = Order("in.csv", str(tmp_path / "out.csv"), None, "scoring-score-test", ROLE, "ml.m5.huge")
    with pytest.raises(ScoringError, match=r"'ml.m5.huge'; its .* ml.m5.large, ml.m5.xlarge\."):
        score(aws, order, choose_model(aws, None), lambda *_: pytest.fail("the work began"))
