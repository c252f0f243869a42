"""The SageMaker SDK, held to what a build needs: no network, credentials, configuration or telemetry."""

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3


@contextmanager
def offline_session(region: str, bucket: str) -> Iterator[Any]:
    """Lend a ``PipelineSession`` that composes requests and can't send any.

    The SDK wants a region and credentials to be imported, reads settings from files of the machine, asks IAM
    about roles and reports its use. All that is arranged for the time of the build, and put back afterwards.
    Import whatever else is needed of the SDK inside the ``with`` block.

    Parameters
    ----------
    region, bucket
        What the definition is for. The SDK would create a bucket of its own.
    """
    # The SDK makes boto3 sessions of its own, at import and in steps, which only the environment reaches.
    environment = {
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        # The one switch against asking IAM whether the job role is allowed enough.
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }
    with _environment(environment), _default_session(), _quiet():
        from sagemaker.core.telemetry import telemetry_logging
        from sagemaker.core.workflow.pipeline_context import PipelineSession

        # The documented opt-out is a setting in the SDK's configuration, which makes the SDK check it against
        # its schema at every look-up: some seconds a build. This is the function that would have sent it.
        send = telemetry_logging._send_telemetry_request
        telemetry_logging._send_telemetry_request = lambda *_args, **_kwargs: None
        try:
            session = PipelineSession(boto_session=_unsendable(), default_bucket=bucket)
            session._default_bucket = bucket  # else the first use of it looks for the bucket
            # Defaults from a file of this machine would make the definition depend on who builds it.
            session.sagemaker_config = {}
            yield session
        finally:
            telemetry_logging._send_telemetry_request = send


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
    # boto3 keeps the first session it makes, and with it the credentials of the build.
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, None
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the SDK's warnings and logs to itself, and the root logger as it was: the SDK configures it."""
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


def _unsendable() -> boto3.Session:
    session = boto3.Session()
    session.events.register("before-send", _refuse)
    return session


def _refuse(request: Any, **_event: Any) -> None:
    raise RuntimeError(
        f"Building the pipeline's definition must not call AWS, but the SDK tried {request.url}."
    )
