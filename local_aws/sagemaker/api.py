"""Adapter: the SageMaker API in front of the data plane, put where moto looks for its own."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker import urls
from moto.sagemaker.exceptions import AWSValidationException

from local_aws.sagemaker import validation
from local_aws.sagemaker.endpoints import EndpointActions
from local_aws.sagemaker.executions import PipelineActions
from local_aws.sagemaker.jobs import JobActions
from local_aws.sagemaker.plane import Plane
from local_aws.sagemaker.registry import RegistryActions
from local_aws.sagemaker.transform import TransformActions

# What moto calls done the moment it is asked for, although nothing has run.
PRETENDED = frozenset(
    {
        "CreateAutoMLJobV2",
        "CreateCluster",
        "CreateCompilationJob",
        "CreateHyperParameterTuningJob",
        "CreateNotebookInstance",
        "StartNotebookInstance",
        "UpdateEndpointWeightsAndCapacities",
    }
)


def install(plane: Plane) -> None:
    """Answer SageMaker's API by `LocalSageMaker`; to be called before moto's application is made."""
    LocalSageMaker.plane = plane
    urls.url_paths["{0}/$"] = LocalSageMaker.dispatch


class LocalSageMaker(PipelineActions, JobActions, TransformActions, EndpointActions, RegistryActions):
    """All actions; what is not here is moto's, what neither has is refused by name."""

    def call_action(self) -> Any:
        """Check a request against the service model, then act."""
        if self._get_action() in PRETENDED:
            raise NotImplementedError("it would have to run something")
        try:
            request = json.loads(self.body or "{}")
        except ValueError:
            request = {}
        found = validation.problems("sagemaker", self._get_action(), request)
        if found:
            error = AWSValidationException(validation.error_message(found))
            status, headers, body = self.serialized(ActionResult(error))
            headers, body = self._enrich_response(headers, body)
            return status, headers, body
        return super().call_action()
