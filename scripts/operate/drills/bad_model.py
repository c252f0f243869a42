"""Drills the rollback of a bad model: deploys a version that fails, on local AWS only."""

import hashlib
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.aws.files import open_stream, remove_below
from scripts.aws.outbox import read_outbox
from scripts.aws.registry import describe_version, metadata_of
from scripts.aws.session import Aws
from scripts.deploy.endpoint import FAILED_REASON, is_paused, read_endpoint, rollback_alarms
from scripts.deploy.outputs import read_outputs
from scripts.errors import UsageError
from scripts.model.approval import find_version, set_approval
from scripts.model.archives import ARCHIVE, ARCHIVE_SHA256, archive_uri, download_archive
from scripts.model.contracts import read_champion
from scripts.operate.drills.errors import DrillError
from scripts.operate.pausing import OperationError
from scripts.predict.client import ApiClient, ApiError, client_of

NOTE = "A drill: this version fails one request in ten."
# Long enough for an alarm, which is evaluated at the end of each minute.
BAKE_SECONDS = 150
_TIMEOUT_SECONDS = 300.0
_REQUEST_SECONDS = 0.5
_NOTICE_SECONDS = 60.0
_FOLDER = "models/drill-"
# Takes the place of the archive's entry point.
_FAILING_CODE = """
import itertools

from inference.handlers import execution_parameters_fn, input_fn, model_fn, output_fn
from inference.handlers import predict_fn as sound_predict_fn

numbers = itertools.count(1)


def predict_fn(request, model):
    if next(numbers) % 10 == 0:
        raise RuntimeError("This request fails, because it belongs to a drill.")
    return sound_predict_fn(request, model)
"""


@dataclass(frozen=True)
class Drill:
    """The result of a drill.

    Parameters
    ----------
    version
        The bad version, which is rejected now.
    champion
        The version that served before and after.
    reason
        Why the bad version was rolled back.
    seconds
        From the approval of the bad version to the end of its rollback.
    answered, failed
        Numbers of requests to the API in that time.
    messages
        Subjects of the messages that people would have got.
    """

    version: int
    champion: int
    reason: str
    seconds: float
    answered: int
    failed: int
    messages: tuple[str, ...]


def drill_bad_model(
    aws: Aws,
    on_event: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Drill:
    """Deploy a copy of the champion that fails, and wait until an alarm has rolled it back.

    Afterwards, everything is as before, but the bad version stays in the registry, rejected and without its
    files.

    Parameters
    ----------
    on_event
        Called with a sentence about each event.

    Raises
    ------
    UsageError
        If the service is not on local AWS.
    OperationError
        If no champion is in service on instances.
    DrillError
        If the bad version is not rolled back.
    """
    champion = _check(aws)
    earlier = len(read_outbox())
    with _long_bake(aws), _bad_version(aws, champion) as version:
        on_event(f"Version {version} is a copy of version {champion} that fails one request in ten.")
        began = clock()
        set_approval(aws, find_version(aws, version), "Approved", NOTE)
        watch = _Watch(aws, version, on_event)
        while (reason := watch.rolled_back()) is None:
            if clock() - began > _TIMEOUT_SECONDS:
                raise DrillError(
                    f"Version {version} was not rolled back within {_TIMEOUT_SECONDS:.0f} s.",
                    f"The log /aws/lambda/{aws.project.deploy_function} shows what deploy_model did.",
                )
            watch.send_request()
            sleep(_REQUEST_SECONDS)
        seconds = clock() - began
        watch.check_champion(champion)
        # Nobody gets a notice about a version that was already rejected.
        end = clock() + _NOTICE_SECONDS
        while not (messages := _subjects(earlier, version)) and clock() < end:
            sleep(_REQUEST_SECONDS)
    return Drill(version, champion, reason, seconds, watch.answered, watch.failed, messages)


class _Watch:
    """Watches an update, and sends requests like a client."""

    def __init__(self, aws: Aws, version: int, on_event: Callable[[str], None]) -> None:
        self._aws = aws
        self._version = version
        self._on_event = on_event
        self._client: ApiClient = client_of(aws)
        contract = read_champion(aws) or {}
        self._body = {"data": contract["smoke_test"]["features"]}
        self._seen: set[str] = set()
        self.answered = self.failed = 0

    def rolled_back(self) -> str | None:
        """Return why the version was rolled back; None while it is being deployed."""
        endpoint = read_endpoint(self._aws)
        self._tell(f"endpoint: {endpoint.text}")
        alarms = self._aws.client("cloudwatch").describe_alarms(AlarmNames=rollback_alarms(self._aws))
        for alarm in alarms["MetricAlarms"]:
            if alarm["StateValue"] == "ALARM" and f"-v{self._version}-" in alarm["AlarmName"]:
                self._tell(f"alarm: {alarm['AlarmName']} is on")
        if endpoint.status != "InService":
            return None
        if endpoint.version == str(self._version):
            raise DrillError(
                f"No alarm went off: version {self._version} is in service.", "It will be rejected."
            )
        return metadata_of(find_version(self._aws, self._version)).get(FAILED_REASON)

    def send_request(self) -> None:
        """Send the champion's known company."""
        try:
            self._client.predict(self._body)
            self.answered += 1
        except ApiError:
            self.failed += 1

    def check_champion(self, champion: int) -> None:
        """Check that the champion answers."""
        answer = self._client.predict(self._body)
        if answer["model"]["version"] != str(champion):
            raise DrillError(
                f"Version {answer['model']['version']} answers instead of version {champion}.",
                "`bankruptcy status` shows more.",
            )

    def _tell(self, event: str) -> None:
        if event not in self._seen:
            self._seen.add(event)
            self._on_event(event)


def _check(aws: Aws) -> int:
    """Return the champion; raise an error if there can be no drill."""
    if not aws.is_local:
        raise UsageError(
            "A drill deploys a version that fails, so it only runs on local AWS.",
            "Start it with `bankruptcy local start`, deploy there, and pass --local.",
        )
    if is_paused(aws, read_outputs(aws)):
        raise OperationError("The service is paused.", "Resume it with `bankruptcy resume`.")
    endpoint, champion = read_endpoint(aws), read_champion(aws)
    if champion is None or endpoint.status != "InService" or endpoint.version != champion["version"]:
        raise OperationError(
            "No champion is in service, so there is nothing to return to.",
            "Deploy a version with `bankruptcy model approve --wait`.",
        )
    if endpoint.mode != "instance":
        raise OperationError(
            "The endpoint is serverless, so updates do not bake.",
            "Run the drill with `bankruptcy deploy -p EndpointMode=instance`.",
        )
    return int(champion["version"])


@contextmanager
def _long_bake(aws: Aws) -> Iterator[None]:
    """Let updates bake for long enough, whatever the service's BakeSeconds is."""
    functions, name = aws.client("lambda"), aws.project.deploy_function
    present = functions.get_function_configuration(FunctionName=name)["Environment"]
    variables = present["Variables"]
    if int(variables["BAKE_SECONDS"]) >= BAKE_SECONDS:
        yield
        return
    longer = {"Variables": {**variables, "BAKE_SECONDS": str(BAKE_SECONDS)}}
    functions.update_function_configuration(FunctionName=name, Environment=longer)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=present)


@contextmanager
def _bad_version(aws: Aws, champion: int) -> Iterator[int]:
    """Register a copy of a version that fails; at the end reject it, and delete its files."""
    package = find_version(aws, champion)
    with tempfile.TemporaryDirectory(prefix="bankruptcy-drill-") as folder:
        download_archive(aws, package, Path(folder) / ARCHIVE)
        archive = _spoiled(Path(folder) / ARCHIVE)
    sha256 = hashlib.sha256(archive).hexdigest()
    prefix = f"{_FOLDER}{sha256[:12]}"
    metadata = metadata_of(package)
    with open_stream(aws, metadata["ContractUri"]) as stream:
        contract = stream.read()
    s3, bucket = aws.client("s3"), aws.project.bucket
    try:
        s3.put_object(Bucket=bucket, Key=f"{prefix}/{ARCHIVE}", Body=archive)
        s3.put_object(Bucket=bucket, Key=f"{prefix}/contract.json", Body=contract)
        copied = archive_uri(package)
        specification = json.loads(
            json.dumps(package["InferenceSpecification"]).replace(copied, f"s3://{bucket}/{prefix}/{ARCHIVE}")
        )
        arn = aws.client("sagemaker").create_model_package(
            ModelPackageGroupName=aws.project.model_package_group,
            ModelPackageDescription=NOTE,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification=specification,
            CustomerMetadataProperties={
                ARCHIVE_SHA256: sha256,
                "ContractHash": metadata["ContractHash"],
                "ContractUri": f"s3://{bucket}/{prefix}/contract.json",
            },
        )["ModelPackageArn"]
        bad = describe_version(aws, arn)
        try:
            yield int(bad["ModelPackageVersion"])
        finally:
            set_approval(aws, bad, "Rejected", NOTE)
    finally:
        remove_below(aws, f"{prefix}/")


def _spoiled(path: Path) -> bytes:
    """Return an archive with code that fails in place of its own."""
    content = io.BytesIO()
    with tarfile.open(path, "r:gz") as source, tarfile.open(fileobj=content, mode="w:gz") as target:
        for member in source:
            if member.name == "code/serve.py":
                code = _FAILING_CODE.encode()
                member.size = len(code)
                target.addfile(member, io.BytesIO(code))
            else:
                target.addfile(member, source.extractfile(member))
    return content.getvalue()


def _subjects(earlier: int, version: int) -> tuple[str, ...]:
    """Return the subjects of the messages since the drill began, if the version is among them."""
    subjects = tuple(str(each["subject"]) for each in read_outbox()[earlier:])
    return subjects if any(f"version {version} was rolled back" in each for each in subjects) else ()
