"""What local AWS says of itself is true."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from support.local_cloud import Cloud

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
            "create_compilation_job",
            {
                "CompilationJobName": "c",
                "RoleArn": "arn:aws:iam::123456789012:role/compiles",
                "OutputConfig": {"S3OutputLocation": "s3://b/o"},
                "StoppingCondition": {"MaxRuntimeInSeconds": 60},
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
