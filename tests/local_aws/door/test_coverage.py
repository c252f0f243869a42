"""The documented coverage of local AWS matches the code."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import Cloud
from support.repository import ROOT

from local_aws.coverage import BEGIN, END, tables

GUIDE = ROOT / "docs" / "local-aws.md"


def test_the_guide_contains_the_generated_tables() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    generated = text[text.index(BEGIN) : text.index(END) + len(END)]
    assert generated == tables(), "docs/local-aws.md is behind: run `python -m local_aws.coverage` and paste"


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("list_actions", {}),
        ("list_notebook_instances", {}),
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
def test_an_unsupported_action_is_rejected_by_name(
    cloud: Cloud, action: str, arguments: dict[str, object]
) -> None:
    client = cloud.sagemaker
    with pytest.raises(ClientError) as rejected:
        getattr(client, action)(**arguments)
    assert rejected.value.response["Error"]["Code"] == "NotImplemented"
    assert client.meta.method_to_api_mapping[action] in rejected.value.response["Error"]["Message"]
