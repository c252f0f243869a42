"""Replaces moto's Lambda `Invoke` with one that runs the function, synchronously or as an event."""

import base64
import json
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import unquote

import moto.awslambda.models
import moto.awslambda.urls
from botocore.exceptions import BotoCoreError, ClientError
from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.config import default_user_config
from moto.s3.exceptions import S3ClientError
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

from local_aws.base import validation
from local_aws.base.archives import ArchiveError, unzipped_size
from local_aws.base.changes import Changes, Pending
from local_aws.base.ids import queue_url
from local_aws.functions.runtime import LAMBDA, FunctionNotFoundError, FunctionSpec, Invocation, LambdaRuntime
from local_aws.iam.sessions import AssumeRoleError, Sessions

# The name of this part of the saved state.
PART = "queued invocations"
LOGGER = logging.getLogger(__name__)
LARGEST_PAYLOAD = 6_291_556
LARGEST_EVENT = 1_048_576
LARGEST_CODE = 262_144_000
MOST_RETRIES = 2
# AWS waits one minute and then two minutes.
RETRY_SECONDS = (1.0, 2.0)


class LoggingFunction(LambdaFunction):  # type: ignore[misc]
    """moto's function with the log group and format that it was given, which moto drops."""

    def __init__(self, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
        super().__init__(account_id, spec, region, version)
        self.logging = self._logging(spec.get("LoggingConfig", {}))

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Change the given settings and keep the others."""
        if "LoggingConfig" in config_updates:
            self.logging = self._logging(config_updates["LoggingConfig"])
        configuration: dict[str, Any] = super().update_configuration(config_updates)
        return configuration

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        """Return the configuration as the API does."""
        return {**super().get_configuration(on_create), "LoggingConfig": self.logging}

    def _logging(self, given: Mapping[str, str]) -> dict[str, str]:
        return {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}", **given}


@dataclass(frozen=True)
class QueuedInvocation:
    """An asynchronous invocation."""

    function_arn: str
    payload: bytes
    request_id: str


class FunctionInvoker:
    """Invokes functions that are stored in moto.

    Parameters
    ----------
    runtime : LambdaRuntime
        Runs the functions.
    sessions : Sessions
        Clients for the destinations of asynchronous invocations.
    changes : Changes
        The lock.
    retry_seconds : sequence of float
        Seconds to wait before the first and second retry of an asynchronous invocation.
    """

    def __init__(
        self,
        runtime: LambdaRuntime,
        sessions: Sessions,
        changes: Changes,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self.pending: Pending[QueuedInvocation] = Pending(PART, changes)
        self._runtime = runtime
        self.sessions = sessions
        self._retry_seconds = retry_seconds
        self._closing = threading.Event()

    def invoke_arn(self, arn: str, payload: bytes) -> Invocation:
        """Run a function by its ARN and wait for the answer.

        Raises
        ------
        FunctionNotFoundError
            If there is no such function.
        """
        return self.invoke(_function(arn), payload)

    def invoke(self, function: LoggingFunction, payload: bytes) -> Invocation:
        """Run a function and wait for the answer."""
        return self._runtime.invoke(_spec(function), payload)

    def invoke_later(self, function: LoggingFunction, payload: bytes, request_id: str) -> None:
        """Run a function in the background, retry failures, and send the result to its destination."""
        queued = QueuedInvocation(function.function_arn, payload, request_id)
        self._start(self.pending.add(queued), function, queued)

    def resume(self) -> None:
        """Run the functions whose invocation was queued when local AWS stopped."""
        for key, queued in self.pending.restored().items():
            try:
                self._start(key, _function(queued.function_arn), queued)
            except FunctionNotFoundError:  # deleted since
                self.pending.done(key)

    def _start(self, key: str, function: LoggingFunction, queued: QueuedInvocation) -> None:
        threading.Thread(
            target=self._run_event, args=(key, function, queued), name="lambda-event", daemon=True
        ).start()

    def close(self) -> None:
        """Stop retrying failed invocations."""
        self._closing.set()

    def _run_event(self, key: str, function: LoggingFunction, queued: QueuedInvocation) -> None:
        self._invoke_with_retries(function, queued.payload, queued.request_id)
        if not self._closing.is_set():
            self.pending.done(key)

    def _invoke_with_retries(self, function: LoggingFunction, payload: bytes, request_id: str) -> None:
        configured = function.event_invoke_config
        # moto appends each PutFunctionEventInvokeConfig; only the last one is in effect.
        config: dict[str, Any] = configured[-1].config if configured else {}
        retries = int(config.get("MaximumRetryAttempts", MOST_RETRIES))
        count = 0
        while True:
            count += 1
            if self._closing.is_set():
                return
            try:
                answer = self._runtime.invoke(_spec(function), payload, request_id)
            except RuntimeError as error:
                LOGGER.warning("The event for %s was dropped: %s", function.function_name, error)
                return
            if answer.error is None or count > retries:
                break
            self._closing.wait(self._retry_seconds[count - 1])
        outcome = "OnSuccess" if answer.error is None else "OnFailure"
        destination = config.get("DestinationConfig", {}).get(outcome, {}).get("Destination")
        if destination:
            record = _record(function, payload, answer, request_id, count)
            self._send(destination, record, function)

    def _send(self, destination: str, record: dict[str, Any], function: LoggingFunction) -> None:
        service = destination.split(":")[2]
        message = json.dumps(record)
        try:
            clients = self.sessions.of_role(function.role, LAMBDA)
            if service == "sqs":
                url = queue_url(self.sessions.url, destination)
                clients.get("sqs").send_message(QueueUrl=url, MessageBody=message)
            elif service == "sns":
                clients.get("sns").publish(TopicArn=destination, Message=message)
            elif service == "lambda":
                clients.get("lambda").invoke(
                    FunctionName=destination, InvocationType="Event", Payload=message
                )
            else:
                LOGGER.warning(
                    "The invocation record of %s was dropped: local AWS does not send records to %s, only to "
                    "SQS, SNS and Lambda",
                    function.function_name,
                    destination,
                )
        except (AssumeRoleError, BotoCoreError, ClientError) as error:
            LOGGER.warning(
                "The invocation record of %s was not delivered to %s: %s",
                function.function_name,
                destination,
                error,
            )


class LocalLambda(LambdaResponse):  # type: ignore[misc]
    """moto's Lambda actions with an `Invoke` that runs the function."""

    invoker: ClassVar[FunctionInvoker]

    def create_function(self) -> Any:
        """Create a function if the request keeps to the service model: the name becomes a folder's name."""
        problems = validation.problems("lambda", "CreateFunction", self.json_body)
        if problems:
            raise LambdaClientError("ValidationException", validation.error_message(problems))
        try:
            self.invoker.sessions.of_role(self.json_body["Role"], LAMBDA)
        except AssumeRoleError as error:
            raise LambdaClientError(
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
            ) from error
        self._check_logging()
        self._check_code(self.json_body["Code"])
        return super().create_function()

    def update_function_configuration(self) -> Any:
        """Update the configuration of a function."""
        self._check_logging()
        return super().update_function_configuration()

    def _check_logging(self) -> None:
        """Raise if the request sets more than the log group: functions on local AWS only log text."""
        logging_config = self.json_body.get("LoggingConfig", {})
        unsupported = sorted(set(logging_config) - {"LogFormat", "LogGroup"})
        if logging_config.get("LogFormat", "Text") != "Text":
            unsupported.append(f"LogFormat {logging_config['LogFormat']}")
        if unsupported:
            raise LambdaClientError(
                "InvalidParameterValueException",
                f"Local AWS does not support {', '.join(unsupported)} in LoggingConfig; "
                "it supports LogGroup, and LogFormat Text.",
            )

    def update_function_code(self) -> Any:
        """Update the code of a function."""
        self._check_code(self.json_body)
        return super().update_function_code()

    def _check_code(self, code: Mapping[str, Any]) -> None:
        """Raise unless the code in a request, or in S3, is a zip archive within Lambda's limit."""
        try:
            packed = self._packed(code)
            size = 0 if packed is None else unzipped_size(packed)
        except (ValueError, ArchiveError) as error:
            raise LambdaClientError(
                "InvalidParameterValueException",
                "Could not unzip uploaded file. Please check your file, then try to upload again."
                + (f" {error}" if isinstance(error, ArchiveError) else ""),
            ) from error
        if size >= LARGEST_CODE:
            raise LambdaClientError(
                "InvalidParameterValueException", f"Unzipped size must be smaller than {LARGEST_CODE} bytes"
            )

    def _packed(self, code: Mapping[str, Any]) -> bytes | None:
        """Return the archive in a request or in S3; None if S3 has none, which moto reports."""
        if "ZipFile" in code:
            return base64.b64decode(code["ZipFile"], validate=True)
        backend = s3_backends[self.current_account][get_partition(self.region)]
        try:
            found = backend.get_object(code.get("S3Bucket"), code.get("S3Key"))
        except S3ClientError:
            return None
        return None if found is None else bytes(found.value)

    def invoke(self) -> tuple[int, dict[str, str], bytes]:
        """Answer Invoke for invocation types RequestResponse, Event and DryRun."""
        name = unquote(self.path.rsplit("/", 2)[-2])
        function = self.backend.get_function(name, self._get_param("Qualifier"))
        payload = self.body.encode() if isinstance(self.body, str) else bytes(self.body or b"")
        kind = self.headers.get("X-Amz-Invocation-Type") or "RequestResponse"
        _check_payload(payload, kind)
        request_id = str(uuid.uuid4())
        headers = {"x-amzn-requestid": request_id, "X-Amz-Executed-Version": function.version or "$LATEST"}
        # moto reads the status code from this header.
        if kind == "DryRun":
            return 204, {**headers, "status": "204"}, b""
        if kind == "Event":
            self.invoker.invoke_later(function, payload, request_id)
            return 202, {**headers, "status": "202"}, b""
        answer = self.invoker.invoke(function, payload)
        headers["Content-Type"] = "application/json"
        if answer.error:
            headers["X-Amz-Function-Error"] = answer.error
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(answer.log_tail.encode()).decode()
        return 200, headers, answer.payload

    @staticmethod
    def _enrich_response(headers: dict[str, str], body: Any) -> tuple[dict[str, str], Any]:
        """Keep the request id of an invocation, which also appears in the function and its records."""
        request_id = headers.get("x-amzn-requestid")
        enriched, body = LambdaResponse._enrich_response(headers, body)
        return ({**enriched, "x-amzn-requestid": request_id} if request_id else enriched), body


def install(
    runtime: LambdaRuntime,
    sessions: Sessions,
    changes: Changes,
    retry_seconds: Sequence[float] = RETRY_SECONDS,
) -> FunctionInvoker:
    """Make moto's server run functions; call this before moto's application is created.

    Returns
    -------
    FunctionInvoker
        The gateway calls its `invoke_arn`.
    """
    default_user_config["lambda"] = {"use_docker": False}
    for path in moto.awslambda.urls.url_paths:
        moto.awslambda.urls.url_paths[path] = LocalLambda.dispatch
    moto.awslambda.models.LambdaFunction = LoggingFunction
    LocalLambda.invoker = FunctionInvoker(runtime, sessions, changes, retry_seconds)
    return LocalLambda.invoker


def _function(arn: str) -> LoggingFunction:
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] != "function":
        raise FunctionNotFoundError(f"{arn!r} is not the ARN of a Lambda function.")
    try:
        function: LoggingFunction = lambda_simple_backends[parts[4]][parts[3]].get_function(arn)
    except UnknownFunctionException as error:
        raise FunctionNotFoundError(f"Function not found: {arn}") from error
    return function


def _spec(function: LoggingFunction) -> FunctionSpec:
    return FunctionSpec(
        name=function.function_name,
        arn=function.function_arn,
        handler=function.handler,
        code=function.code_bytes,
        code_sha256=function.code_sha_256,
        timeout=int(function.timeout),
        memory=int(function.memory_size),
        environment={key: str(value) for key, value in function.environment_vars.items()},
        role=function.role,
        log_group=function.logging["LogGroup"],
    )


def _check_payload(payload: bytes, kind: str) -> None:
    limit = LARGEST_EVENT if kind == "Event" else LARGEST_PAYLOAD
    if len(payload) > limit:
        error = LambdaClientError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        )
        error.code = 413
        raise error
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        raise LambdaClientError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _record(
    function: LoggingFunction, payload: bytes, answer: Invocation, request_id: str, count: int
) -> dict[str, Any]:
    """Return the invocation record that Lambda sends to a destination."""
    response_context: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    if answer.error:
        response_context["functionError"] = answer.error
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.function_arn}:$LATEST",
            "condition": "RetriesExhausted" if answer.error else "Success",
            "approximateInvokeCount": count,
        },
        "requestPayload": json.loads(payload or b"{}"),
        "responseContext": response_context,
        "responsePayload": json.loads(answer.payload or b"null"),
    }
