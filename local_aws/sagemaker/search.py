"""The action Search, for pipeline executions only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import StructureShape
from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

from local_aws.base.documents import present
from local_aws.base.validation import service_model
from local_aws.sagemaker.plane import Plane, ValidationError, page

_RESOURCE = "PipelineExecution"
_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Equals": lambda actual, expected: actual == expected,
    "NotEquals": lambda actual, expected: actual != expected,
    "Contains": lambda actual, expected: expected in actual,
    "In": lambda actual, expected: actual in expected.split(","),
}


class SearchActions(SageMakerResponse):  # type: ignore[misc]
    """The action Search."""

    plane: Plane

    def search(self) -> ActionResult:
        """Find executions by the text of their members, by default the last modified ones first."""
        if self._get_param("Resource") != _RESOURCE:
            raise NotImplementedError(
                f"for the resource {self._get_param('Resource')}; it searches only {_RESOURCE}"
            )
        expression = self._get_param("SearchExpression") or {}
        for member in (*expression, *self.params):
            if member in {"NestedFilters", "SubExpressions", "VisibilityConditions"}:
                raise NotImplementedError(f"with {member}; only Filters are supported")
        key = self._get_param("SortBy") or "LastModifiedTime"
        _check_member(key)
        filters = [_filter(each) for each in expression.get("Filters") or []]
        combine = any if expression.get("Operator") == "Or" else all
        executions = [each.describe() for each in self.plane.executions.all()]
        found = [each for each in executions if not filters or combine(test(each) for test in filters)]
        ascending = self._get_param("SortOrder") == "Ascending"
        found.sort(key=lambda each: str(each.get(key, "")), reverse=not ascending)
        results, token = page([{_RESOURCE: each} for each in found], self.params)
        return ActionResult(present({"Results": results, "NextToken": token}))


def _filter(given: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that checks whether an execution matches a filter."""
    name, value = given["Name"], str(given.get("Value") or "")
    operator = given.get("Operator") or "Equals"
    _check_member(name)
    if operator not in _OPERATORS:
        raise NotImplementedError(f"with the operator {operator}; it has {', '.join(_OPERATORS)}")
    compare = _OPERATORS[operator]
    return lambda execution: compare(str(execution.get(name, "")), value)


def _check_member(name: str) -> None:
    shape = service_model("sagemaker").shape_for(_RESOURCE)
    if not isinstance(shape, StructureShape) or name not in shape.members:
        raise ValidationError(f"Unknown property name: {name}")
