"""Deploys models to endpoints, in the background and after a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.utils import camelcase_to_underscores
from moto.sagemaker.models import FakeEndpoint

from local_aws.base.clock import now
from local_aws.base.documents import present
from local_aws.endpoints.host import EndpointError
from local_aws.sagemaker.plane import STOPPED, Plane, ValidationError, backend_of, event_times, model_spec

LOGGER = logging.getLogger(__name__)


class Deployments:
    """Deploys endpoint configurations. Of an endpoint, `local_config` is the one that it serves.

    Parameters
    ----------
    plane : Plane
        The data plane.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def create(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        """Deploy the configuration of a new endpoint in the background."""
        _in_background(endpoint, lambda: self._create(endpoint, config))

    def update(self, endpoint: FakeEndpoint, config_name: str, config: Mapping[str, Any]) -> None:
        """Deploy another configuration in the background."""
        _in_background(endpoint, lambda: self._update(endpoint, config_name, config))

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
        reason = self._deploy(endpoint, endpoint.local_config)
        if reason:
            self._settle(endpoint, "Failed", reason)
        elif endpoint.endpoint_status != "InService":
            self._settle(endpoint, "InService", STOPPED if endpoint.endpoint_status == "Updating" else None)

    def _create(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        reason = self._deploy(endpoint, config)
        self._settle(endpoint, "Failed" if reason else "InService", reason)

    def _update(self, endpoint: FakeEndpoint, config_name: str, config: Mapping[str, Any]) -> None:
        reason = self._deploy(endpoint, config)
        if reason:
            # As on AWS, the update is rolled back and the old configuration stays in service.
            self._settle(endpoint, "InService", reason)
            return
        with self._plane.changes:
            endpoint.endpoint_config_name, endpoint.local_config = config_name, config
            variants = endpoint._process_production_variants(config["ProductionVariants"])
            endpoint.production_variants = variants
            endpoint.data_capture_config = config.get("DataCaptureConfig")
            self._settle(endpoint, "InService", None)

    def _deploy(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> str | None:
        """Serve a configuration; return the reason if that fails, else None."""
        try:
            self._serve(endpoint, config)
        except (EndpointError, ValidationError) as error:
            return str(error)
        except Exception as error:
            # The thread's outermost handler: an unexpected error must end the status "in progress".
            LOGGER.exception("Local AWS failed to deploy endpoint %s", endpoint.endpoint_name)
            return f"InternalServerError: {error!r}"
        return None

    def _serve(self, endpoint: FakeEndpoint, config: Mapping[str, Any]) -> None:
        variants = config["ProductionVariants"]
        if len(variants) != 1:
            raise EndpointError(
                f"The configuration has {len(variants)} production variants; local AWS serves only one."
            )
        spec = model_spec(self._plane.region, variants[0]["ModelName"])
        self._plane.endpoints.deploy(endpoint.endpoint_name, spec, lambda: self._is_present(endpoint))

    def _is_present(self, endpoint: FakeEndpoint) -> bool:
        """Return whether the endpoint still exists; a reset can remove it during a deployment."""
        # Threads run outside a request, where moto's own `sagemaker_backend` does not work.
        return backend_of(self._plane.region).endpoints.get(endpoint.endpoint_name) is endpoint

    def _settle(self, endpoint: FakeEndpoint, status: str, reason: str | None) -> None:
        with self._plane.changes:
            if self._is_present(endpoint):
                endpoint.failure_reason = reason[:1024] if reason else None
                self.set_status(endpoint, status)

    def set_status(self, endpoint: FakeEndpoint, status: str) -> None:
        """Change the status of an endpoint and emit the event; call this under the lock."""
        endpoint.endpoint_status = status
        endpoint.last_modified_time = now()
        self._plane.mark()
        described = {key: each for key, each in endpoint.response_object.items() if key != "LocalConfig"}
        # Events spell the status in capitals: InService becomes IN_SERVICE.
        spelled = camelcase_to_underscores(status).upper()
        detail = {**event_times(present(described)), "EndpointStatus": spelled}
        self._plane.emit("SageMaker Endpoint State Change", [endpoint.arn], detail)


def _in_background(endpoint: FakeEndpoint, work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name=f"endpoint-{endpoint.endpoint_name}", daemon=True)
    thread.start()
    return thread
