"""Replaces moto's SageMaker actions with those of local AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.sagemaker import urls
from moto.sagemaker.exceptions import AWSValidationException

from local_aws.base import validation
from local_aws.endpoints.host import SAGEMAKER
from local_aws.iam.sessions import AssumeRoleError
from local_aws.sagemaker.endpoints import EndpointActions
from local_aws.sagemaker.executions import PipelineActions
from local_aws.sagemaker.jobs import JobActions
from local_aws.sagemaker.plane import Plane
from local_aws.sagemaker.registry import RegistryActions
from local_aws.sagemaker.search import SearchActions

# moto's own actions that the workflow needs. The others are rejected: many only pretend to run something.
MOTO_ACTIONS = frozenset(
    {
        "DeleteEndpointConfig",
        "DeleteModel",
        "DescribeTransformJob",
        "ListEndpointConfigs",
        "ListEndpoints",
        "ListModelPackageGroups",
        "ListModelPackages",
        "ListPipelines",
        "ListProcessingJobs",
        "ListTrainingJobs",
    }
)


def install(plane: Plane) -> None:
    """Serve SageMaker's API with `LocalSageMaker`; call this before moto's application is created."""
    LocalSageMaker.plane = plane
    urls.url_paths["{0}/$"] = LocalSageMaker.dispatch


class LocalSageMaker(PipelineActions, JobActions, EndpointActions, RegistryActions, SearchActions):
    """The SageMaker API of local AWS."""

    @classmethod
    def is_own(cls, action: str) -> bool:
        """Return whether local AWS implements an action itself."""
        method = getattr(cls, camelcase_to_underscores(action), None)
        return method is not None and method.__module__.startswith("local_aws.")

    def call_action(self) -> Any:
        """Validate a request against the service model, then run its action."""
        action = self._get_action()
        if action not in MOTO_ACTIONS and not self.is_own(action):
            raise NotImplementedError("docs/local-aws.md lists the actions that it implements")
        try:
            request = json.loads(self.body or "{}")
        except ValueError:
            request = {}
        problems = validation.problems("sagemaker", action, request)
        message = validation.error_message(problems) if problems else self._role_problem(request)
        if message:
            error = AWSValidationException(message)
            status, headers, body = self.serialized(ActionResult(error))
            headers, body = self._enrich_response(headers, body)
            return status, headers, body
        return super().call_action()

    def _role_problem(self, request: Mapping[str, Any]) -> str:
        """Return why SageMaker cannot assume the role of a request; empty if it can."""
        for name in ("ExecutionRoleArn", "RoleArn"):
            if request.get(name):
                try:
                    self.plane.sessions.of_role(request[name], SAGEMAKER)
                except AssumeRoleError as error:
                    return str(error)
        return ""
