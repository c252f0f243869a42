"""Prepares a job as SageMaker prepares its container: files below /opt/ml, environment, command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_aws.base.processes import child_environment
from local_aws.jobs.files import JobError, download, download_listed, relocate, unpack, write_json
from local_aws.jobs.process import ProcessRequest

_HOST = "algo-1"
# On AWS, each training job has its own instance. Here, a pipeline's two jobs share the machine, and both take
# longer if there are more processes than cores.
_TRAINED_AT_ONCE = 2


def prepare_processing(s3: Any, request: Mapping[str, Any], base: Path, arn: str) -> ProcessRequest:
    """Download a processing job's inputs, create its output folders, and return its process.

    Raises
    ------
    JobError
        If an input does not exist, or local AWS does not support the request.
    """
    (base / "output").mkdir(parents=True)
    for each in request.get("ProcessingInputs") or []:
        if "S3Input" not in each:
            raise JobError(f"ClientError: Input {each['InputName']} must be an S3Input on local AWS.")
        _fetch(s3, each["S3Input"], base)
    for each in (request.get("ProcessingOutputConfig") or {}).get("Outputs", []):
        _below(base, each["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    write_json(base / "config" / "processingjobconfig.json", {"ProcessingJobArn": arn, **request})
    write_json(base / "config" / "resourceconfig.json", {"current_host": _HOST, "hosts": [_HOST]})
    command = _entrypoint(request["AppSpecification"], base)
    if command is None:
        raise JobError(
            "ClientError: AppSpecification has no ContainerEntrypoint; local AWS does not run images, so it "
            "needs the command of the job."
        )
    environment = {
        "PROCESSING_JOB_NAME": request["ProcessingJobName"],
        "PROCESSING_JOB_ARN": arn,
        **_common_environment(request, base),
    }
    return ProcessRequest(command, base, environment)


def prepare_training(s3: Any, request: Mapping[str, Any], base: Path, arn: str) -> ProcessRequest:
    """Download a training job's channels, write its configuration, and return its process.

    Raises
    ------
    JobError
        If an input does not exist, or local AWS does not support the request.
    """
    for name in ("model", "output/data", "input/config", "code"):
        (base / name).mkdir(parents=True)
    channels = {}
    for each in request.get("InputDataConfig") or []:
        source = each["DataSource"].get("S3DataSource")
        if source is None:
            raise JobError(
                f"ClientError: Channel {each['ChannelName']} must be an S3DataSource on local AWS."
            )
        channels[each["ChannelName"]] = {
            "TrainingInputMode": each.get("InputMode", "File"),
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": each.get("RecordWrapperType", "None"),
        }
        download(s3, source["S3Uri"], base / "input" / "data" / each["ChannelName"])
    raw = dict(request.get("HyperParameters") or {})
    resources = {
        "current_host": _HOST,
        "current_instance_type": request["ResourceConfig"].get("InstanceType", "local"),
        "hosts": [_HOST],
        "network_interface_name": "lo",
    }
    write_json(base / "input" / "config" / "hyperparameters.json", raw)
    write_json(base / "input" / "config" / "inputdataconfig.json", channels)
    write_json(base / "input" / "config" / "resourceconfig.json", resources)
    decoded = {name: _decode(value) for name, value in raw.items()}
    own = {name: value for name, value in decoded.items() if not name.startswith("sagemaker_")}
    environment = {
        **_common_environment(request, base),
        **_toolkit_environment(base, channels, own, resources),
        "TRAINING_JOB_NAME": request["TrainingJobName"],
        "TRAINING_JOB_ARN": arn,
    }
    command = _entrypoint(request["AlgorithmSpecification"], base)
    if command is not None:
        return ProcessRequest(command, base, environment)
    program, folder = _script(s3, decoded, base)
    arguments = [text for name in sorted(own) for text in (f"--{name}", str(own[name]))]
    environment["SM_USER_ARGS"] = json.dumps(arguments)
    environment["SM_USER_ENTRY_POINT"] = environment["SM_MODULE_NAME"] = program
    environment["SM_MODULE_DIR"] = str(folder)
    return ProcessRequest([sys.executable, program, *arguments], folder, environment)


def _fetch(s3: Any, source: Mapping[str, Any], base: Path) -> None:
    """Download an input. The one process of a job gets all shares of a sharded input."""
    fetch = download_listed if source.get("S3DataType") == "ManifestFile" else download
    fetch(s3, source["S3Uri"], _below(base, source["LocalPath"]))


def _script(s3: Any, decoded: Mapping[str, Any], base: Path) -> tuple[str, Path]:
    """Return the program of script mode and its folder."""
    program, source = decoded.get("sagemaker_program"), decoded.get("sagemaker_submit_directory")
    if not program or not source:
        raise JobError(
            "ClientError: Local AWS does not run images: set the hyperparameters sagemaker_program and "
            "sagemaker_submit_directory, or ContainerEntrypoint in AlgorithmSpecification."
        )
    if str(source).startswith("s3://"):
        folder = base / "code"
        unpack(s3, str(source), folder)
    else:
        folder = Path(relocate(str(source), base))
    if not (folder / str(program)).is_file():
        raise JobError(f"ClientError: sagemaker_program is {program}, but there is no such file in {source}.")
    return str(program), folder


def _toolkit_environment(
    base: Path, channels: Mapping[str, Any], own: Mapping[str, Any], resources: Mapping[str, Any]
) -> dict[str, str]:
    """Return the SM_* variables that SageMaker's training toolkit sets, with a share of the cores."""
    environment = {
        "SM_MODEL_DIR": str(base / "model"),
        "SM_OUTPUT_DIR": str(base / "output"),
        "SM_OUTPUT_DATA_DIR": str(base / "output" / "data"),
        "SM_INPUT_DIR": str(base / "input"),
        "SM_INPUT_CONFIG_DIR": str(base / "input" / "config"),
        "SM_CHANNELS": json.dumps(sorted(channels)),
        "SM_INPUT_DATA_CONFIG": json.dumps(channels),
        "SM_HPS": json.dumps(own),
        "SM_RESOURCE_CONFIG": json.dumps(resources),
        "SM_HOSTS": json.dumps([_HOST]),
        "SM_CURRENT_HOST": _HOST,
        "SM_NUM_CPUS": str(max(1, (os.cpu_count() or 1) // _TRAINED_AT_ONCE)),
        "SM_NUM_GPUS": "0",
        "SM_LOG_LEVEL": "20",
    }
    for name in channels:
        environment[f"SM_CHANNEL_{name.upper()}"] = str(base / "input" / "data" / name)
    for name, value in own.items():
        environment[f"SM_HP_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return environment


def _common_environment(request: Mapping[str, Any], base: Path) -> dict[str, str]:
    requested = {name: relocate(value, base) for name, value in (request.get("Environment") or {}).items()}
    return {
        **child_environment(base),
        # Buffered output of a killed job would be lost.
        "PYTHONUNBUFFERED": "1",
        "SAGEMAKER_BASE_DIR": str(base),
        **requested,
    }


def _entrypoint(specification: Mapping[str, Any], base: Path) -> list[str] | None:
    """Return the command of a job that names its entry point, else None."""
    entrypoint = specification.get("ContainerEntrypoint")
    if not entrypoint:
        return None
    command = [
        relocate(part, base) for part in (*entrypoint, *(specification.get("ContainerArguments") or []))
    ]
    if command[0] in {"python", "python3"}:
        command[0] = sys.executable
    return command


def _decode(value: str) -> Any:
    """Decode a hyperparameter as the toolkit does: JSON if it parses, otherwise the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def _below(base: Path, path: str) -> Path:
    """Return the folder under `base` that takes the place of a path in the container.

    Raises
    ------
    JobError
        If the path is not below /opt/ml.
    """
    moved = Path(relocate(path, base))
    if not moved.resolve().is_relative_to(base.resolve()):
        raise JobError(f"ClientError: LocalPath is {path}; it must be below /opt/ml.")
    return moved
