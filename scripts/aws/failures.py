"""AWS's refusals and silences: what a person is told of them, and which are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004

from scripts.aws.session import command

_DENIED = {"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_THROTTLED = {
    "RequestLimitExceeded",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_UNKNOWN_CALLER = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_OF_THE_PIPELINE = {"ListPipelineExecutions", "StartPipelineExecution"}
# S3 answers these without a word; the actions that allow them have other names.
_SILENT = {"HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject and s3:ListBucket"}


def explain(error: Exception) -> str | None:
    """Return what failed and what to do; None for an error that has nothing to do with AWS."""
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"AWS did not answer: {error}. Check the network, then run the command again."
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {error}."
    return None


def _refused(error: ClientError) -> str:
    operation = error.operation_name
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in _DENIED:
        why = f"it takes {_SILENT[operation]}" if operation in _SILENT else message
        return (
            f"AWS did not allow {operation}: {why}. infra/deployer-policy.json holds all that the commands "
            "need, and docs/aws.md says how to attach it. Then run the command again, "
            "which goes on where it stopped."
        )
    if code in _THROTTLED:
        return (
            f"AWS had too many requests to answer {operation}, several times over ({code}). Wait a minute, "
            "then run the command again: it goes on where it stopped."
        )
    if code in _UNKNOWN_CALLER:
        return (
            f"AWS does not accept the credentials ({code}: {message}). Sign in again, with "
            "`aws sso login` or new keys, then run the command again."
        )
    if code == "NoSuchBucket":
        bucket = error.response["Error"].get("BucketName", "of that name")
        return (
            f"There is no bucket {bucket}. If it should be the project's own, "
            f"run `{command('deploy')}` first, which makes it."
        )
    if code == "ResourceNotFound" and operation in _OF_THE_PIPELINE:
        return f"{message.rstrip('.')}. Run `{command('deploy')}` first."
    return f"AWS refused {operation} ({code}): {message}"


def unless_changed(call: Callable[..., Any], **request: Any) -> Any:
    """Make a call that may come too late: of what ended, went or was changed meanwhile, return None."""
    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFound", "ValidationException"}:
            raise
        return None
