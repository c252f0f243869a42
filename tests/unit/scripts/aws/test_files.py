"""read_if_present returns None for a missing object, and raises an error for one that is denied."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from support.stubs import stubbed_aws

from scripts.aws.files import read_if_present
from scripts.aws.session import Aws

KEY = "models/abc/evaluation/evaluation.json"
PLACE = {"Bucket": "b", "Key": KEY}
LISTED = {"Bucket": "b", "Prefix": KEY, "MaxKeys": 1}


@pytest.fixture
def stubbed() -> Iterator[tuple[Aws, Stubber]]:
    with stubbed_aws("s3") as found:
        yield found


def test_a_missing_object_has_no_bytes(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stubber = stubbed
    stubber.add_client_error("get_object", "NoSuchKey", expected_params=PLACE)
    assert read_if_present(aws, f"s3://b/{KEY}") is None


@pytest.mark.parametrize("others", [[], [f"{KEY}.old"]])
def test_a_denied_object_that_is_not_listed_is_missing(
    stubbed: tuple[Aws, Stubber], others: list[str]
) -> None:
    aws, stubber = stubbed
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_response("list_objects_v2", {"Contents": [{"Key": key} for key in others]}, LISTED)
    assert read_if_present(aws, f"s3://b/{KEY}") is None


def test_a_denied_object_that_is_listed_is_an_error(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stubber = stubbed
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_response("list_objects_v2", {"Contents": [{"Key": KEY}]}, LISTED)
    with pytest.raises(ClientError, match="GetObject"):
        read_if_present(aws, f"s3://b/{KEY}")


def test_without_permission_to_list_the_denied_read_is_the_error(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stubber = stubbed
    stubber.add_client_error("get_object", "AccessDenied", expected_params=PLACE)
    stubber.add_client_error("list_objects_v2", "AccessDenied", expected_params=LISTED)
    with pytest.raises(ClientError, match="GetObject"):
        read_if_present(aws, f"s3://b/{KEY}")
