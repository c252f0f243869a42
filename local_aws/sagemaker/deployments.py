"""Deploys models to endpoints, in the background and after a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import FakeEndpoint

from local_aws.base.clock import now, wait_until
from local_aws.base.documents import present
from local_aws.endpoints.host import EndpointError, Fleet
from local_aws.sagemaker.guardrails import Update
from local_aws.sagemaker.plane import STOPPED, Plane, ValidationError, backend_of, event_times, model_spec

LOGGER = logging.getLogger(__name__)
_LOOK_AT_ALARMS = timedelta(seconds=1)


class Deployments:
    """Deploys endpoint configurations. Of an endpoint, `local_config` is the one that it serves.

    Parameters
    ----------
    plane : Plane
        The data plane.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._never = threading.Event()

    def create(self, endpoint: FakeEndpoint) -> None:
        """Deploy the configuration of a new endpoint in the background."""
        _in_background(endpoint, lambda: self._create(endpoint))

    def update(self, endpoint: FakeEndpoint, update: Update) -> None:
        """Deploy another configuration in the background."""
        _in_background(endpoint, lambda: self._update(endpoint, update))

    def resume(self) -> None:
        """Serve the endpoints again that were in service when local AWS stopped; wait until they answer.

        An update that was in progress is rolled back, as on AWS when it fails.
        """
        endpoints = list(backend_of(self._plane.region).endpoints.values())
        waiting = [
            _in_background(each, self._resumption(each))
            for each in endpoints
            if each.endpoint_status in {"Creating", "InService", "Updating"}
        ]
        for thread in waiting:
            thread.join()

    def _resumption(self, endpoint: FakeEndpoint) -> Callable[[], None]:
        return lambda: self._resume(endpoint)

    def _resume(self, endpoint: FakeEndpoint) -> None:
        reason = self._deploy(endpoint)
        if reason:
            self._settle(endpoint, "Failed", reason)
        elif endpoint.endpoint_status != "InService":
            self._settle(endpoint, "InService", STOPPED if endpoint.endpoint_status == "Updating" else None)

    def _create(self, endpoint: FakeEndpoint) -> None:
        reason = self._deploy(endpoint)
        self._settle(endpoint, "Failed" if reason else "InService", reason)

    def _update(self, endpoint: FakeEndpoint, update: Update) -> None:
        reason = _reason_of(endpoint, lambda: self._bake(endpoint, update))
        # As on AWS, an update that fails is rolled back and the old configuration stays in service.
        self._settle(endpoint, "InService", reason)

    def _bake(self, endpoint: FakeEndpoint, update: Update) -> None:
        """Start the new configuration beside the old one, and move the requests to it while it bakes."""
        self._show(endpoint, update, "Creating", f"Launching {update.instances} instance(s).")
        fleet = self._start(endpoint, update.config_name, update.config)
        for stage in update.stages:
            if self._is_rolled_back(update):
                break
            self._show(endpoint, update, "ActivatingTraffic", f"Activating traffic on {stage.capacity}.")
            self._plane.endpoints.shift(fleet, stage.share)
            if stage.seconds:
                text = f"Baking for {stage.seconds} seconds ({stage.member}) with traffic enabled on "
                self._show(endpoint, update, "Baking", f"{text}{stage.capacity}.")
                self._wait(endpoint, update, stage.seconds)
        if self._is_rolled_back(update):
            # AWS does not document a reason, so there is none here: the alarms are in ALARM.
            self._plane.endpoints.withdraw(fleet)
            return
        self._plane.endpoints.keep(fleet, lambda: self._is_present(endpoint))
        with self._plane.changes:
            endpoint.endpoint_config_name, endpoint.local_config = update.config_name, update.config
            endpoint.production_variants = [_variant(endpoint, update)]
            endpoint.data_capture_config = update.config.get("DataCaptureConfig")

    def _wait(self, endpoint: FakeEndpoint, update: Update, seconds: float) -> None:
        """Wait until a bake has ended, an alarm is on, or the endpoint is gone."""
        end = now() + timedelta(seconds=seconds)
        while now() < end and self._is_present(endpoint) and not self._is_rolled_back(update):
            wait_until(min(end, now() + _LOOK_AT_ALARMS), self._never)

    def _is_rolled_back(self, update: Update) -> bool:
        return "ALARM" in self._plane.alarm_states(update.alarms).values()

    def _show(self, endpoint: FakeEndpoint, update: Update, status: str, message: str) -> None:
        """Set the stage of an update, and emit its event."""
        with self._plane.changes:
            if not self._is_present(endpoint):
                return
            endpoint.pending_deployment_summary = {
                "EndpointConfigName": update.config_name,
                "StartTime": update.started,
                "ProductionVariants": [
                    {
                        **_variant(endpoint, update),
                        "VariantStatus": [{"Status": status, "StatusMessage": message, "StartTime": now()}],
                    }
                ],
            }
            endpoint.last_modified_time = now()
            self._plane.mark()
            self._emit(endpoint, "SageMaker Endpoint Deployment State Change")

    def _deploy(self, endpoint: FakeEndpoint) -> str | None:
        """Serve the configuration of an endpoint; return the reason if that fails, else None."""

        def serve() -> None:
            fleet = self._start(endpoint, endpoint.endpoint_config_name, endpoint.local_config)
            self._plane.endpoints.keep(fleet, lambda: self._is_present(endpoint))

        return _reason_of(endpoint, serve)

    def _start(self, endpoint: FakeEndpoint, config_name: str, config: Mapping[str, Any]) -> Fleet:
        variants = config["ProductionVariants"]
        if len(variants) != 1:
            raise EndpointError(
                f"The configuration has {len(variants)} production variants; local AWS serves only one."
            )
        spec = model_spec(self._plane.region, variants[0]["ModelName"])
        return self._plane.endpoints.start(endpoint.endpoint_name, config_name, spec)

    def _is_present(self, endpoint: FakeEndpoint) -> bool:
        """Return whether the endpoint still exists; a reset can remove it during a deployment."""
        # Threads run outside a request, where moto's own `sagemaker_backend` does not work.
        return backend_of(self._plane.region).endpoints.get(endpoint.endpoint_name) is endpoint

    def _settle(self, endpoint: FakeEndpoint, status: str, reason: str | None) -> None:
        with self._plane.changes:
            if self._is_present(endpoint):
                endpoint.pending_deployment_summary = None
                endpoint.failure_reason = reason[:1024] if reason else None
                self.set_status(endpoint, status)

    def set_status(self, endpoint: FakeEndpoint, status: str) -> None:
        """Change the status of an endpoint and emit the event; call this under the lock."""
        endpoint.endpoint_status = status
        endpoint.last_modified_time = now()
        self._plane.mark()
        self._emit(endpoint, "SageMaker Endpoint State Change")

    def _emit(self, endpoint: FakeEndpoint, detail_type: str) -> None:
        described = {key: each for key, each in endpoint.response_object.items() if key != "LocalConfig"}
        # Events spell the status in capitals: InService becomes IN_SERVICE.
        spelled = camelcase_to_underscores(endpoint.endpoint_status).upper()
        detail = {**event_times(present(described)), "EndpointStatus": spelled}
        self._plane.emit(detail_type, [endpoint.arn], detail)


def _variant(endpoint: FakeEndpoint, update: Update) -> dict[str, Any]:
    """Return the summary of the variant that an update deploys."""
    found: dict[str, Any]
    (found,) = endpoint._process_production_variants(update.config["ProductionVariants"])
    if "DesiredInstanceCount" in found:
        found |= dict.fromkeys(("CurrentInstanceCount", "DesiredInstanceCount"), update.instances)
    return found


def _reason_of(endpoint: FakeEndpoint, work: Callable[[], None]) -> str | None:
    """Do something for an endpoint; return the reason if that fails, else None."""
    try:
        work()
    except (EndpointError, ValidationError) as error:
        return str(error)
    except Exception as error:
        # The thread's outermost handler: an unexpected error must end the status "in progress".
        LOGGER.exception("Local AWS failed to deploy endpoint %s", endpoint.endpoint_name)
        return f"InternalServerError: {error!r}"
    return None


def _in_background(endpoint: FakeEndpoint, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name=f"endpoint-{endpoint.endpoint_name}", daemon=True)
    thread.start()
    return thread
