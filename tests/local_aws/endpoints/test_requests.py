"""Requests to an endpoint: what the handlers get, and what the client gets back."""

import pytest
from botocore.exceptions import ClientError
from support.local_aws.endpoints import Cloud, invoke


def test_a_model_answers_with_its_own_handlers(cloud: Cloud) -> None:
    cloud.deploy("first", cloud.model("one"))

    answer = invoke(cloud, "first", "hello", ContentType="application/json", Accept="application/json")

    assert answer["kind"] == "str"
    assert answer["body"] == "hello"
    assert answer["model"] == "one"
    assert answer["version"] == "7"
    assert answer["returned_type"] == "application/json"
    assert "loading model" in cloud.log_lines("first", "loading")


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [("application/json", "str"), ("text/csv", "str"), ("application/json; charset=utf-8", "bytes")],
)
def test_the_handler_gets_text_only_for_the_text_types_of_aws(
    cloud: Cloud, content_type: str, kind: str
) -> None:
    cloud.deploy("types", cloud.model("types"))
    assert invoke(cloud, "types", "1,2", ContentType=content_type)["kind"] == kind


@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_invalid_utf_8_is_replaced_as_on_aws(cloud: Cloud, content_type: str) -> None:
    cloud.deploy("bytes", cloud.model("one"))
    assert invoke(cloud, "bytes", b"\xff,0", ContentType=content_type)["body"] == "\ufffd,0"


def test_an_exception_in_a_handler_is_a_model_error_and_is_logged(cloud: Cloud) -> None:
    cloud.deploy("errors", cloud.model("errors"))

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "errors", "raise", ContentType="text/csv")

    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 500
    assert "Received server error (500) from primary" in response["Error"]["Message"]
    assert response["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/errors")
    assert any("no such company" in line for line in cloud.log_lines("errors", "no such company"))


def test_a_status_set_by_the_handler_is_returned_as_the_original_status(cloud: Cloud) -> None:
    cloud.deploy("refusals", cloud.model("refusals"))

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "refusals", "refuse", ContentType="text/csv")

    assert caught.value.response["OriginalStatusCode"] == 422
    assert caught.value.response["OriginalMessage"] == '{"error": {"code": "validation_failed"}}'


def test_custom_attributes_of_the_container_are_returned(cloud: Cloud) -> None:
    cloud.deploy("attributes", cloud.model("attributes"))

    answer = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="attributes", Body=b"attributes")

    assert answer["CustomAttributes"] == "trace=1"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_an_unknown_or_stopped_endpoint_is_a_validation_error(cloud: Cloud) -> None:
    cloud.deploy("gone", cloud.model("gone"))
    cloud.host.stop("gone")

    for name in ("never", "gone"):
        with pytest.raises(ClientError) as caught:
            invoke(cloud, name, "x")
        assert caught.value.response["Error"] == {
            "Code": "ValidationError",
            "Message": f"Endpoint {name} of account 123456789012 not found.",
        }


def test_a_body_of_more_than_six_megabytes_is_rejected(cloud: Cloud) -> None:
    cloud.deploy("large", cloud.model("large"))
    assert len(invoke(cloud, "large", b"x" * 6_291_456)["body"]) == 6_291_456

    with pytest.raises(ClientError) as caught:
        invoke(cloud, "large", b"x" * 6_291_457)

    assert caught.value.response["OriginalStatusCode"] == 413
