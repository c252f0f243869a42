"""Uses the SageMaker SDK without network, credentials, configuration files or telemetry."""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from types import ModuleType
from typing import Any

import boto3


@contextmanager
def offline_session(region: str, bucket: str) -> Iterator[Any]:
    """Yield a ``PipelineSession`` that builds requests but cannot send them.

    The SDK needs a region and credentials at import, reads settings from files, asks IAM about roles and
    sends telemetry. All of this is replaced during the build and restored afterward. Import other parts of
    the SDK inside the ``with`` block.

    Parameters
    ----------
    region, bucket
        The region and the bucket of the definition. Without a bucket, the SDK would create one.
    """
    # The SDK creates its own boto3 sessions, which can only be configured by the environment.
    environment = {
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        # The only setting that stops the SDK from asking IAM about the job role's permissions.
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }
    with _environment(environment), _default_session(), _quiet():
        from sagemaker.core.telemetry import telemetry_logging
        from sagemaker.core.workflow.pipeline_context import PipelineSession
        from sagemaker.mlops.workflow import steps

        # The documented opt-out is in the SDK's configuration, which the SDK validates at every look-up; that
        # takes some seconds in each build. So this replaces the function that sends telemetry.
        with _replaced(telemetry_logging, "_send_telemetry_request", lambda *_args, **_kwargs: None):
            session = PipelineSession(boto_session=_offline_boto_session(region), default_bucket=bucket)
            session._default_bucket = bucket  # Otherwise its first use would look for the bucket.
            # Defaults from a file would make the definition depend on the machine.
            session.sagemaker_config = {}
            # Each processing step would create a session for local mode, only to read the name of a method.
            client = partial(steps.LocalSagemakerClient, session)
            with _replaced(steps, "LocalSagemakerClient", client):
                yield session


def definition_json(session: Any, name: str, parameters: list[Any], steps: list[Any]) -> str:
    """Return the definition of a pipeline as JSON; equal arguments give equal bytes."""
    from sagemaker.mlops.workflow.pipeline import Pipeline

    pipeline = Pipeline(
        name=name,
        parameters=parameters,
        pipeline_experiment_config=None,
        steps=steps,
        sagemaker_session=session,
    )
    # The SDK writes null for unused keys, but the schema of pipeline definitions does not allow null.
    used = {key: value for key, value in json.loads(pipeline.definition()).items() if value is not None}
    return json.dumps(used, indent=2, sort_keys=True) + "\n"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _default_session() -> Iterator[None]:
    # boto3 keeps its first session, and with it the credentials of the build.
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the SDK's warnings and logs, and restore the root logger, which the SDK reconfigures."""
    root = logging.getLogger()
    handlers, level, disabled = list(root.handlers), root.level, root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.handlers[:] = handlers


@contextmanager
def _replaced(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@cache
def _offline_boto_session(region: str) -> boto3.Session:
    """Return the session of all builds, so that they share the descriptions of the services."""
    session = boto3.Session(region_name=region)
    session.events.register("before-send", _refuse)
    return session


def _refuse(request: Any, **_event: Any) -> None:
    raise RuntimeError(
        f"Building the pipeline definition must not call AWS, but the SDK tried to call {request.url}."
    )
