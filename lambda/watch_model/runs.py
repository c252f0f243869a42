"""Starts executions of the monitoring pipeline, each on the predictions that arrived since the last one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from watch_model.bucket import Bucket
from watch_model.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_ssm import SSMClient

STATE = "monitoring/state.json"
PROFILES = "monitoring/profiles/"
# deploy_model writes it when the first version is in service.
CHAMPION = "champion/contract.json"
# Jobs need at least one object in each input.
EMPTY = "monitoring/none.txt"
_PLACEHOLDERS = (
    EMPTY,
    f"{PROFILES}none.txt",
    "monitoring/accepted/none.txt",
    "monitoring/latest/none.txt",
    "outcomes/none.txt",
)
# S3 lists an object at once, but its time is that of the start of the upload.
SETTLED = timedelta(seconds=60)
# Firehose tries for a day to deliver, and collects for at most 15 minutes.
_SLACK = timedelta(hours=26)
# Silence must last for this share of the time between two scheduled runs. It is below 1 because the schedule
# calls within a minute of its time, and later if a call fails.
_SILENT_SHARE = 23 / 24
_YEAR = timedelta(days=366)

Step = dict[str, Any]


class Runs:
    """Starts executions of the monitoring pipeline.

    Every object of the log is in exactly one scheduled execution, even if this function is interrupted or
    called twice: what an execution reads is written before it starts, under a name that follows from the
    execution before.

    Parameters
    ----------
    settings
        Names and options.
    bucket
        The project's bucket.
    sagemaker, ssm
        Clients.
    now
        Returns the present time.
    """

    def __init__(
        self,
        settings: Settings,
        bucket: Bucket,
        *,
        sagemaker: SageMakerClient,
        ssm: SSMClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._bucket = bucket
        self._sagemaker = sagemaker
        self._ssm = ssm
        self._now = now

    def start_next(self, settled: timedelta = SETTLED) -> Step:
        """Start the execution on what arrived since the last one.

        Parameters
        ----------
        settled
            How old an object must be to be read.

        Returns
        -------
        dict
            ``action``: ``started`` with ``execution`` and ``run``, or ``nothing`` if no prediction has
            arrived; then ``silent`` is whether predictions were to be expected: there is a champion, the
            service is not paused, and about the time between two scheduled runs has passed.
        """
        state = self._bucket.read_json(STATE) or {"cut": datetime(1970, 1, 1, tzinfo=UTC).isoformat()}
        after = datetime.fromisoformat(state["cut"])
        folder = f"monitoring/runs/{after:%Y-%m-%dT%H%M%SZ}"
        until = self._now() - settled
        plan = self._plan(folder, after, until)
        if plan is None:
            # A run by hand can have read everything just before.
            is_long = until - after > timedelta(hours=self._settings.hours) * _SILENT_SHARE
            silent = is_long and not self._is_paused() and self._bucket.exists(CHAMPION)
            return {"action": "nothing", "silent": silent}
        step = self._start(folder, {})
        self._bucket.write(STATE, {"cut": plan["until"], "folder": folder})
        return step

    def start_window(self, start: datetime, end: datetime) -> Step:
        """Start an execution on the predictions of a period by their own time, besides the scheduled ones."""
        found = self._bucket.logged(start - timedelta(days=1), end + timedelta(days=2))
        folder = f"monitoring/runs/{start:%Y-%m-%dT%H%M%SZ}-{end:%Y-%m-%dT%H%M%SZ}-{self._now():%H%M%S}"
        if not found:
            return {"action": "nothing", "silent": False}
        self._write_manifests(folder, found)
        return self._start(folder, {"WindowStart": start.isoformat(), "WindowEnd": end.isoformat()})

    def _plan(self, folder: str, after: datetime, until: datetime) -> dict[str, Any] | None:
        """Fix what the next execution reads; None if nothing has arrived."""
        found = self._bucket.arrived(after, until, _SLACK)
        if not found:
            return None
        plan = {"until": until.isoformat(), "objects": found}
        # Another call, or this one before an interruption, may have fixed it.
        if not self._bucket.create(f"{folder}/plan.json", plan):
            plan = self._bucket.read_json(f"{folder}/plan.json")
        self._write_manifests(folder, plan["objects"])
        return plan

    def _write_manifests(self, folder: str, objects: Sequence[str]) -> None:
        for key in _PLACEHOLDERS:
            self._bucket.create(key, None)
        root = {"prefix": self._bucket.uri("")}
        self._bucket.write(f"{folder}/predictions.manifest", [root, *objects])
        self._bucket.write(f"{folder}/history.manifest", [root, *(self._history() or [EMPTY])])
        self._copy_profiles()

    def _history(self) -> list[str]:
        """Return the predictions whose outcome may be known: they are older than the horizon."""
        if not self._bucket.names("outcomes/") - {"none.txt"}:
            return []
        end = self._now() - timedelta(days=self._settings.horizon_days)
        return self._bucket.logged(end - _YEAR, end + timedelta(days=1))

    def _copy_profiles(self) -> None:
        """Copy the profiles of new versions to one folder, where the jobs find them by version."""
        present = self._bucket.names(PROFILES)
        prefix = self._bucket.uri("")
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._settings.group
        )
        for page in pages:
            for summary in page["ModelPackageSummaryList"]:
                name = f"{summary['ModelPackageVersion']}.json"
                if name not in present:
                    arn = summary["ModelPackageArn"]
                    package = self._sagemaker.describe_model_package(ModelPackageName=arn)
                    metadata: Mapping[str, str] = package.get("CustomerMetadataProperties", {})
                    contract = metadata.get("ContractUri", "")
                    if contract.startswith(prefix):
                        source = f"{contract.removeprefix(prefix).rpartition('/')[0]}/profile.json"
                        self._bucket.copy_if_present(source, PROFILES + name)

    def _start(self, folder: str, window: Mapping[str, str]) -> Step:
        settings = self._settings
        parameters = {
            "RunUri": self._bucket.uri(folder),
            "InstanceCount": str(settings.instance_count),
            "RunsPerMonth": str(settings.runs_per_month),
            "OutcomeHorizonDays": str(settings.horizon_days),
            **window,
        }
        answer = self._sagemaker.start_pipeline_execution(
            PipelineName=settings.pipeline,
            # The same folder never starts two executions.
            ClientRequestToken=f"{settings.pipeline}-{folder.rpartition('/')[2]}"[:128].ljust(32, "-"),
            PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        )
        return {"action": "started", "execution": answer["PipelineExecutionArn"], "run": folder}

    def _is_paused(self) -> bool:
        value = self._ssm.get_parameter(Name=self._settings.paused_parameter)["Parameter"]["Value"]
        return value != "false"
