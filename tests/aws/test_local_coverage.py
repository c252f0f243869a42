"""What local AWS says of itself is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from local_cloud import Cloud

from local_aws.coverage import BEGIN, END, tables

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "local-aws.md"


def test_the_guide_carries_the_tables_of_the_code() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    generated = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert generated == tables(), "docs/local-aws.md is behind: run `python -m local_aws.coverage` and paste"


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("list_actions", {}),
        (
            "create_transform_job",
            {
                "TransformJobName": "t",
                "ModelName": "m",
                "TransformInput": {
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b"}}
                },
                "TransformOutput": {"S3OutputPath": "s3://b/o"},
                "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            },
        ),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    cloud: Cloud, action: str, arguments: dict[str, object]
) -> None:
    client = cloud.sagemaker
    with pytest.raises(ClientError) as refused:
        getattr(client, action)(**arguments)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert client.meta.method_to_api_mapping[action] in refused.value.response["Error"]["Message"]
