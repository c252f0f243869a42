"""The errors that end an operation on a resource, and their reasons for events."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.cloudformation.template import TemplateError
from local_aws.cloudformation.types.resource import ResourceError

# Raised by code that reads a malformed property.
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
FAILURES = (ResourceError, TemplateError, ClientError, BotoCoreError, *MALFORMED)


def reason_of(error: Exception) -> str:
    """Return the reason of a failure for the event."""
    return f"A property is malformed: {error!r}" if isinstance(error, MALFORMED) else str(error)


def is_gone(error: Exception) -> bool:
    """Return whether a deletion failed because the resource no longer exists."""
    if not isinstance(error, ClientError):
        return False
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return (
        status == 404
        or code.startswith(("NoSuch", "ResourceNotFound", "ParameterNotFound", "NotFound"))
        or "NonExistentQueue" in code
        or "does not exist" in str(error)
    )
