"""Names and code that Lambda refuses are refused."""

import io
import time
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.functions import REGION, client, create


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "a\nb"])
def test_a_name_that_is_not_a_function_name_is_refused(url: str, functions: Any, name: str) -> None:
    with pytest.raises(ClientError) as caught:
        create(url, name)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "Member must satisfy regular expression pattern" in str(caught.value)
    assert not [each for each in functions.list_functions()["Functions"] if each["FunctionName"] == name]


@pytest.mark.parametrize("code", [b"not a zip", b"", b"PK\x03\x04"])
def test_code_that_is_not_a_zip_archive_is_refused(url: str, functions: Any, code: bytes) -> None:
    create(url, name := f"zip-{code.hex()}")
    with pytest.raises(ClientError, match="Could not unzip uploaded file") as caught:
        functions.update_function_code(FunctionName=name, ZipFile=code)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        functions.create_function(
            FunctionName="other",
            Role="arn:aws:iam::123456789012:role/role-of-invoked",
            Runtime="python3.13",
            Handler="a.b",
            Code={"ZipFile": code},
        )
    assert functions.invoke(FunctionName=name, Payload=b"{}")["StatusCode"] == 200


def test_code_of_very_many_files_is_refused_at_once(url: str, functions: Any) -> None:
    create(url, "many")
    packed, started = io.BytesIO(), time.process_time()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(100_000):
            archive.writestr(str(number), b"")
    packing, started = time.process_time() - started, time.process_time()
    with pytest.raises(ClientError, match="It has more than 20,000 entries"):
        functions.update_function_code(FunctionName="many", ZipFile=packed.getvalue())
    assert time.process_time() - started < packing / 2


@pytest.mark.parametrize("action", ["create_function", "update_function_code"])
def test_code_in_s3_is_checked_as_well(url: str, functions: Any, action: str) -> None:
    create(url, f"checked-{action}")
    s3, bucket = client(url, "s3"), f"code-of-{action.replace('_', '-')}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="code.zip", Body=b"not a zip")
    code = {"S3Bucket": bucket, "S3Key": "code.zip"}
    request = {
        "create_function": {
            "FunctionName": "from-s3",
            "Role": "arn:aws:iam::123456789012:role/role-of-invoked",
            "Runtime": "python3.13",
            "Handler": "a.b",
            "Code": code,
        },
        "update_function_code": {"FunctionName": f"checked-{action}", **code},
    }[action]
    with pytest.raises(ClientError, match="Could not unzip uploaded file"):
        getattr(functions, action)(**request)


def test_code_that_unpacks_to_more_than_lambda_allows_is_refused(url: str, functions: Any) -> None:
    create(url, "bomb")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.py", bytes(100_000_000))
    with pytest.raises(ClientError, match="Unzipped size must be smaller than 262144000 bytes"):
        functions.update_function_code(FunctionName="bomb", ZipFile=packed.getvalue())
