"""The permissions on KMS keys that requests for encrypted objects of S3 need, in addition to those of S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from local_aws.iam.operations import Operation
from local_aws.iam.policy import Need

# What S3 does with the key of an object that an operation writes.
_WRITING = {
    "CompleteMultipartUpload": ("Decrypt",),
    "CopyObject": ("GenerateDataKey",),
    "CreateMultipartUpload": ("GenerateDataKey",),
    "PutObject": ("GenerateDataKey",),
    "UploadPart": ("Decrypt",),
}


def key_needs(
    operation: Operation, needs: Sequence[Need], key_of: Callable[[str, bool], str | None]
) -> Iterator[Need]:
    """Yield the permissions on keys that an operation needs.

    Parameters
    ----------
    needs
        The other permissions that it needs; reading an object includes Lambda reading a function's code.
    key_of
        Takes the ARN of an object and whether it is written; returns the ARN of the key with which it is or
        will be encrypted, or None if S3 encrypts it by itself.
    """
    via = {"kms:ViaService": f"s3.{operation.region}.amazonaws.com"}
    for need in needs:
        is_written = need.action == "s3:PutObject"
        if is_written:
            actions = _WRITING.get(operation.name, ())
        elif need.action in {"s3:GetObject", "s3:GetObjectVersion"} and operation.name != "HeadObject":
            actions = ("Decrypt",)
        else:
            actions = ()
        key = key_of(need.resource, is_written) if actions else None
        if key is not None:
            yield from (Need(f"kms:{action}", key, via) for action in actions)
