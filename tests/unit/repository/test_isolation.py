"""A test does not see what another test has changed in shared descriptions of services."""

from __future__ import annotations

import boto3
import botocore.session
from botocore.loaders import Loader


def path_of_put_object(loader: Loader) -> str:
    operations = loader.load_service_model("s3", "service-2")["operations"]
    path: str = operations["PutObject"]["http"]["requestUri"]
    return path


def test_a_session_does_not_see_what_another_has_changed_in_a_description() -> None:
    # WHEN a session's client changes the description of S3, as botocore's clients do
    session = botocore.session.Session()
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.Session(botocore_session=session, **keys).client("s3", region_name="eu-west-1")
    client.generate_presigned_url("put_object", {"Bucket": "companies", "Key": "data.csv"})
    assert path_of_put_object(session.get_component("data_loader")) == "/{Key+}"
    # THEN the next session gets the original
    assert path_of_put_object(botocore.session.Session().get_component("data_loader")) == "/{Bucket}/{Key+}"
