"""Turns AWS errors into messages for the user, and recognises those that can be ignored."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

from scripts.errors import ScriptError

_DENIED = {"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_THROTTLED = {"RequestLimitExceeded", "SlowDown", "TooManyRequestsException"}
_BAD_CREDENTIALS = {"InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}
# What these need is made by `bankruptcy deploy`.
_DEPLOYED_OPERATIONS = {"ListModelPackages", "ListPipelineExecutions", "StartPipelineExecution"}
# S3 denies these without a message, and the permissions they need have other names.
_SILENT = {"HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject and s3:ListBucket"}
_GONE_CODES = {"404", "NoSuchBucket", "NoSuchEntity", "NoSuchKey", "ParameterNotFound"}
# SageMaker has no error code for a missing resource, only these words.
_GONE_WORDS = ("could not find", "does not exist", "not found", "unable to describe")


class AwsError(ScriptError):
    """AWS rejected a request or did not answer."""

    code = "aws_error"


def explain(error: Exception) -> AwsError | None:
    """Return an error with a suggested fix; None if the error does not come from AWS."""
    if isinstance(error, ClientError):
        return _explain_response(error)
    if isinstance(error, ConnectionError | HTTPClientError):
        return AwsError(
            f"AWS did not answer: {error}.", "Check the network connection, then run the command again."
        )
    if isinstance(error, BotoCoreError):
        return AwsError(f"The request to AWS failed: {error}.")
    return None


def _explain_response(error: ClientError) -> AwsError:
    operation = error.operation_name
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if is_denied(error):
        reason = f"it requires {_SILENT[operation]}" if operation in _SILENT else message
        return AwsError(
            f"AWS denied {operation}: {reason}.",
            "infra/deployer-service-policy.json and infra/deployer-models-policy.json grant all permissions "
            "that the commands need; docs/aws.md explains how to attach them. Then run the command again: "
            "it continues where it stopped.",
        )
    if code in _THROTTLED or code.startswith("Throttling"):
        return AwsError(
            f"AWS throttled {operation} ({code}), even after retries.",
            "Wait a minute, then run the command again: it continues where it stopped.",
        )
    if code in _BAD_CREDENTIALS or code.startswith("ExpiredToken"):
        return AwsError(
            f"AWS rejected the credentials ({code}: {message}).",
            "Sign in again with `aws sso login`, or set new keys. Then run the command again.",
        )
    if code == "NoSuchBucket":
        name = error.response["Error"].get("BucketName")
        return AwsError(
            f"The bucket {name} does not exist." if name else "The bucket does not exist.",
            "If it is the project's own bucket, run `bankruptcy deploy` first.",
        )
    if operation in _DEPLOYED_OPERATIONS and is_gone(error):
        return AwsError(f"{message.rstrip('.')}.", "Run `bankruptcy deploy` first.")
    return AwsError(f"AWS rejected {operation} ({code}): {message}")


def is_denied(error: ClientError) -> bool:
    """Return whether an error says that the caller lacks a permission."""
    return error.response["Error"]["Code"] in _DENIED


def is_gone(error: ClientError) -> bool:
    """Return whether an error says that the resource does not exist."""
    code = error.response["Error"]["Code"]
    message = error.response["Error"].get("Message", "").lower()
    if code in _GONE_CODES or code.startswith("ResourceNotFound"):
        return True
    return code == "ValidationException" and any(words in message for words in _GONE_WORDS)


def unless_gone(call: Callable[..., Any], **request: Any) -> Any:
    """Call; return None if the resource does not exist."""
    try:
        return call(**request)
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def unless_changed(call: Callable[..., Any], **request: Any) -> Any:
    """Call; return None if the resource is gone or its state no longer allows the call."""
    try:
        return call(**request)
    except ClientError as error:
        if is_gone(error) or error.response["Error"]["Code"] == "ValidationException":
            return None
        raise
