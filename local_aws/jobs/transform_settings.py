"""Reads the request of a batch transform job and rejects what local AWS does not support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.jobs.transform_data import SPLITTERS, Filter, Processing, TransformDataError

_RETRIES = 3
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Settings:
    """The settings of a transform job."""

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
        If members of the request contradict each other.
    NotImplementedError
        If local AWS does not support a member; the message names it.
    """
    source, output = request["TransformInput"], request["TransformOutput"]
    location = source["DataSource"]["S3DataSource"]
    for name, value, supported in (
        ("S3DataType", location["S3DataType"], ("S3Prefix",)),
        ("SplitType", source.get("SplitType", "None"), tuple(SPLITTERS)),
        ("DataCaptureConfig", request.get("DataCaptureConfig", "none"), ("none",)),
    ):
        if value not in supported:
            raise NotImplementedError(f"{name} {value if isinstance(value, str) else ''}".strip())
    content_type = source.get("ContentType", "")
    accept = output.get("Accept", "")
    data_processing = request.get("DataProcessing") or {}
    client = request.get("ModelClientConfig") or {}
    try:
        processing = Processing(
            content_type=_base_type(content_type),
            accept=_base_type(accept),
            input_filter=Filter(data_processing.get("InputFilter", "$")),
            output_filter=Filter(data_processing.get("OutputFilter", "$")),
            join=data_processing.get("JoinSource", "None") == "Input",
        )
    except TransformDataError as error:
        raise ValueError(str(error)) from error
    settings = Settings(
        name=request["TransformJobName"],
        uri=location["S3Uri"],
        output_uri=output["S3OutputPath"].rstrip("/"),
        split_type=source.get("SplitType", "None"),
        compression=source.get("CompressionType", "None"),
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
        raise ValueError(
            f"DataProcessing needs records: set TransformInput.SplitType to Line, not {settings.split_type}."
        )
    kinds = {"csv" if kind == "text/csv" else "json" for kind in (processing.content_type, processing.accept)}
    if processing.join and len(kinds) > 1:
        raise ValueError(
            "JoinSource is Input, so ContentType and Accept must both be text/csv or both be JSON; they are "
            f"{settings.content_type or 'not set'} and {settings.accept or 'not set'}."
        )


def _base_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()
