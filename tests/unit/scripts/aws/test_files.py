"""A missing object is distinguished from one that the caller may not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline.project import Project
from scripts.aws.files import read_if_present
from scripts.aws.session import Aws

KEY = "models/abc/evaluation/evaluation.json"
PLACE = {"Bucket": "b", "Key": KEY}
LISTED = {"Bucket": "b", "Prefix": KEY, "MaxKeys": 1}


@pytest.fixture
def s3() -> Any:
    return boto3.client("s3", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.fixture
def stubber(s3: Any) -> Iterator[Stubber]:
    with Stubber(s3) as made:
        yield made
        made.assert_no_pending_responses()


@pytest.fixture
def aws(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Aws:
    session = boto3.Session(region_name="eu-west-1")
    monkeypatch.setattr(session, "client", lambda *_, **__: s3)
    return Aws(session, Project("bankruptcy", "123456789012", "eu-west-1"))


def test_a_missing_object_has_no_bytes(aws: Aws, stubber: Stubber) -> None:
    stubber.add_client_error("get_object", "NoSuchKey", expected_params=PLACE)
    assert read_if_present(aws, f"s3://b/{KEY}") is None


@pytest.mark.parametrize("others", [[], [f"{KEY}.old"]])
def test_a_denied_object_that_is_not_listed_is_missing(aws: Aws, stubber: Stubber, others: list[str]) -> None:
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in others]}, LISTED)
    assert read_if_present(aws, f"s3://b/{KEY}") is None


def test_a_denied_object_that_is_listed_is_an_error(aws: Aws, stubber: Stubber) -> None:
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_response("list_objects_v2", {"Contents": [{"Key": KEY}]}, LISTED)
    with pytest.raises(ClientError, match="GetObject"):
        read_if_present(aws, f"s3://b/{KEY}")


def test_without_permission_to_list_the_denied_read_is_the_error(aws: Aws, stubber: Stubber) -> None:
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_client_error("list_objects_v2", "AccessDenied", expected_params=LISTED)
    with pytest.raises(ClientError, match="GetObject"):
        read_if_present(aws, f"s3://b/{KEY}")
