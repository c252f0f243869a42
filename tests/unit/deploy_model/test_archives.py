"""Archives and contracts that are missing or not the registered ones are never deployed."""

from __future__ import annotations

import copy

import pytest
from botocore.exceptions import ClientError
from deploy_model.registry import MAX_ATTEMPTS
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (None, "The model's contract is missing"),
        (b"{", "is not a contract"),
        (b"{}", "is not a contract"),
        (
            b'{"contract": "ff", "smoke_test": {}}',
            "holds the contract ff, but 0000000000000002 was registered",
        ),
    ],
)
def test_a_package_without_its_contract_is_never_deployed(
    aws: Aws, contract: bytes | None, reason: str
) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    del aws.objects["models/execution-2/contract.json"]
    if contract is not None:
        aws.objects["models/execution-2/contract.json"] = contract
    step = reconciler.step()
    assert (step["action"], step["version"]) == ("none", "1")
    assert reason in step["unfit"]["2"]
    assert reconciler.step()["given_up"] == ["2"]


class TestArchive:
    """The archive in S3 is not the evaluated one."""

    CHANGED = "The archive of version {} was changed after it was evaluated"

    def test_a_changed_archive_is_refused_and_the_champion_keeps_serving(self, aws: Aws) -> None:
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.register()
        aws.objects["models/execution-2/model.tar.gz"] = b"swapped"
        step = reconciler.step()
        assert (step["action"], step["version"]) == ("none", "1")
        assert step["unfit"]["2"].startswith(self.CHANGED.format(2))
        assert aws.serving() == aws.published()["version"] == "1"  # type: ignore[index]
        # AND it is final: putting the archive back does not help until a person rejects and approves it again
        aws.objects["models/execution-2/model.tar.gz"] = b"model 2"
        assert reconciler.step()["given_up"] == ["2"]

    def test_resuming_does_not_load_an_archive_that_was_changed_during_the_pause(self, aws: Aws) -> None:
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.pause()
        aws.run(reconciler)
        aws.objects["models/execution-1/model.tar.gz"] = b"swapped"
        aws.pause(False)
        step = reconciler.step()
        assert step["action"] == "none"
        assert step["unfit"]["1"].startswith(self.CHANGED.format(1))
        assert aws.endpoint is None

    def test_a_change_during_the_deployment_is_not_published(self, aws: Aws) -> None:
        # GIVEN an update in progress
        aws.register()
        reconciler = aws.reconciler()
        aws.run(reconciler)
        aws.register()
        assert reconciler.step()["action"] == "update_endpoint"
        # WHEN the archive changes before the update ends
        aws.objects["models/execution-2/model.tar.gz"] = b"swapped"
        aws.settle()
        # THEN the previous version is deployed again
        step = reconciler.step()
        assert (step["action"], step["version"]) == ("update_endpoint", "1")
        assert aws.objects["champion/model.tar.gz"] == b"model 1"

    def test_a_running_champion_survives_new_settings_if_its_archive_was_changed(self, aws: Aws) -> None:
        aws.register()
        aws.run(aws.reconciler())
        aws.objects["models/execution-1/model.tar.gz"] = b"swapped"
        step = aws.reconciler(settings(instance_type="ml.m5.large")).step()
        assert step["action"] == "none"
        assert "1" in step["unfit"]
        assert aws.serving() == "1"

    @pytest.mark.parametrize(
        ("lost", "reason"),
        [
            ("archive", "The model's archive is missing"),
            ("hash", "Version 1 does not record the ArchiveSha256 of its archive"),
        ],
    )
    def test_without_archive_or_hash_nothing_is_deployed(self, aws: Aws, lost: str, reason: str) -> None:
        aws.register()
        if lost == "archive":
            del aws.objects["models/execution-1/model.tar.gz"]
        else:
            del aws.packages["1"]["CustomerMetadataProperties"]["ArchiveSha256"]
        assert reason in aws.reconciler().step()["unfit"]["1"]
        assert aws.models == {}

    @pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
    @pytest.mark.parametrize(("lost", "what"), [("model.tar.gz", "archive"), ("contract.json", "contract")])
    def test_a_missing_object_does_not_keep_an_older_version_from_service(
        self, aws: Aws, lost: str, what: str, code: str
    ) -> None:
        aws.register()
        aws.register()
        aws.missing_key = code
        del aws.objects[f"models/execution-2/{lost}"]
        # Another object whose key starts the same does not count as found.
        aws.objects[f"models/execution-2/{lost}.old"] = b""
        step = aws.reconciler().step()
        assert (step["action"], step["version"]) == ("create_endpoint", "1")
        assert step["unfit"]["2"].startswith(f"The model's {what} is missing: s3://")

    @pytest.mark.parametrize("denied", [{"get_object"}, {"get_object", "list_objects_v2"}])
    def test_a_role_that_is_denied_for_a_while_makes_no_version_unfit(
        self, aws: Aws, denied: set[str]
    ) -> None:
        def deny(operation: str) -> None:
            if operation in denied:
                raise error("AccessDenied", "Access Denied", operation)

        version = aws.register()
        before = copy.deepcopy(aws.packages[version])
        aws.fail = deny
        for _ in range(MAX_ATTEMPTS + 1):
            with pytest.raises(ClientError, match="AccessDenied"):
                aws.reconciler().step()
        assert aws.packages[version] == before
        aws.fail = lambda _: None
        aws.run(aws.reconciler())
        assert aws.serving() == version
