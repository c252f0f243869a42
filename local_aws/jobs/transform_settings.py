"""What a request for a batch transform job asks for, and what local AWS refuses of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.jobs.transform_data import SPLITTERS, Filter, Processing, TransformDataError

_RETRIES = 3
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Settings:
    """A CreateTransformJob request, read."""

    name: str
    uri: str
    output_uri: str
    split_type: str
    compression: str
    content_type: str
    accept: str
    assemble: bool
    processing: Processing
    instances: int
    strategy: str | None
    payload_mb: int | None
    concurrency: int | None
    timeout: int
    retries: int
    environment: Mapping[str, str]


def read_settings(request: Mapping[str, Any]) -> Settings:
    """Read a CreateTransformJob request.

    Raises
    ------
    ValueError
        When its parts contradict each other.
    NotImplementedError
        Naming what local AWS does not do.
    """
    given, output = request["TransformInput"], request["TransformOutput"]
    source = given["DataSource"]["S3DataSource"]
    for value, allowed, what in (
        (source["S3DataType"], ("S3Prefix",), "S3DataType"),
        (given.get("SplitType", "None"), tuple(SPLITTERS), "SplitType"),
        (request.get("DataCaptureConfig", "none"), ("none",), "DataCaptureConfig"),
    ):
        if value not in allowed:
            raise NotImplementedError(f"{what} {value if isinstance(value, str) else ''}".strip())
    split_type = given.get("SplitType", "None")
    content_type = given.get("ContentType", "")
    accept = output.get("Accept", "")
    wanted = request.get("DataProcessing") or {}
    client = request.get("ModelClientConfig") or {}
    try:
        processing = Processing(
            content_type=_base_type(content_type),
            accept=_base_type(accept),
            input_filter=Filter(wanted.get("InputFilter", "$")),
            output_filter=Filter(wanted.get("OutputFilter", "$")),
            join=wanted.get("JoinSource", "None") == "Input",
        )
    except TransformDataError as error:
        raise ValueError(str(error)) from error
    settings = Settings(
        name=request["TransformJobName"],
        uri=source["S3Uri"],
        output_uri=output["S3OutputPath"].rstrip("/"),
        split_type=split_type,
        compression=given.get("CompressionType", "None"),
        content_type=content_type,
        accept=accept,
        assemble=output.get("AssembleWith", "None") == "Line",
        processing=processing,
        instances=request["TransformResources"]["InstanceCount"],
        strategy=request.get("BatchStrategy"),
        payload_mb=request.get("MaxPayloadInMB"),
        concurrency=request.get("MaxConcurrentTransforms"),
        timeout=client.get("InvocationsTimeoutInSeconds", _TIMEOUT_SECONDS),
        retries=client.get("InvocationsMaxRetries", _RETRIES),
        environment=request.get("Environment") or {},
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    processing = settings.processing
    if processing.reads_records and settings.split_type != "Line":
        raise ValueError("DataProcessing needs records to work on: set TransformInput.SplitType to Line.")
    kinds = {"csv" if kind == "text/csv" else "json" for kind in (processing.content_type, processing.accept)}
    if processing.join and len(kinds) > 1:
        raise ValueError(
            "JoinSource is Input, so ContentType and Accept must both be text/csv or both JSON; they are "
            f"{settings.content_type or 'not set'} and {settings.accept or 'not set'}."
        )


def _base_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()
