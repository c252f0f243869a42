"""Local AWS looks up moto's modules, actions and names once, and not for each request."""

from __future__ import annotations

import inspect
from typing import Any

import moto.backends
import pytest
from moto.core.serialize import XFormedAttributePicker
from support.local_aws.cloud import Cloud


def test_a_repeated_request_looks_nothing_up_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a request whose answer lacks optional members
    cloud.sagemaker.create_model_package_group(ModelPackageGroupName="group")
    arn = cloud.sagemaker.create_model_package(ModelPackageGroupName="group")["ModelPackageArn"]
    first = cloud.sagemaker.describe_model_package(ModelPackageName=arn)

    # WHEN it is sent again, and moto would look into its folders, classes and spellings of names
    def look_up(*_: Any) -> Any:
        raise AssertionError("This was looked up before.")

    monkeypatch.setattr(moto.backends, "list_of_moto_modules", look_up)
    monkeypatch.setattr(inspect, "getmembers", look_up)
    monkeypatch.setattr(XFormedAttributePicker, "get_possible_keys", look_up)
    again = cloud.sagemaker.describe_model_package(ModelPackageName=arn)
    # THEN the answer is the same
    assert "ModelPackageDescription" not in first
    del first["ResponseMetadata"], again["ResponseMetadata"]
    assert again == first
