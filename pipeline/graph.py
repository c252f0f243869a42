"""Reads a stored pipeline definition: its parameters, and which step runs after which."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.project import Project

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_BRANCHES = ("IfSteps", "ElseSteps")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline.

    Parameters
    ----------
    type
        ``String``, ``Integer`` or ``Float``.
    default
        The default value as text; None if the caller must give a value.
    choices
        The allowed values; empty if any value of the type is allowed.
    """

    name: str
    type: str
    default: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Node:
    """A step of the pipeline, and the names of the steps that it directly runs after."""

    name: str
    after: tuple[str, ...]


def read_parameters(sagemaker: "SageMakerClient", project: Project) -> tuple[Parameter, ...]:
    """Return the parameters that an execution started now would have."""
    definition = json.loads(sagemaker.describe_pipeline(PipelineName=project.pipeline)["PipelineDefinition"])
    return tuple(
        Parameter(
            name=each["Name"],
            type=each["Type"],
            default=str(each["DefaultValue"]) if "DefaultValue" in each else None,
            choices=tuple(each.get("EnumValues", ())),
        )
        for each in definition["Parameters"]
    )


def read_graph(sagemaker: "SageMakerClient", arn: str) -> tuple[Node, ...]:
    """Return the steps of an execution, each after those that it depends on."""
    answer = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=arn)
    return graph_of(json.loads(answer["PipelineDefinition"]))


def graph_of(definition: dict[str, Any]) -> tuple[Node, ...]:
    """Return the steps of a definition in an order in which each follows those that it depends on.

    Dependencies that follow from others are left out: if C needs A and B, and B needs A, then C is after B.
    """
    needs = {name: set(needed) for name, needed in _dependencies(definition["Steps"], None)}
    ordered: dict[str, set[str]] = {}  # each step with all the steps before it
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in ordered and needs[name] <= ordered.keys()]
        if not ready:
            raise ValueError(f"The steps {sorted(needs.keys() - ordered.keys())} wait for each other.")
        for name in ready:
            ordered[name] = needs[name].union(*(ordered[each] for each in needs[name]))
    return tuple(
        Node(
            name,
            tuple(
                each
                for each in ordered
                if each in needs[name] and not any(each in ordered[other] for other in needs[name])
            ),
        )
        for name in ordered
    )


def _dependencies(steps: list[dict[str, Any]], condition: str | None) -> Iterator[tuple[str, set[str]]]:
    """Yield each step with the steps it refers to; steps in a branch also depend on the condition."""
    for step in steps:
        arguments = step.get("Arguments", {})
        own = {key: value for key, value in arguments.items() if key not in _BRANCHES}
        named = set(re.findall(r'"Steps\.(\w+)', json.dumps(own)))
        named.update(step.get("DependsOn", ()))
        if condition is not None:
            named.add(condition)
        yield step["Name"], named
        for branch in _BRANCHES:
            yield from _dependencies(arguments.get(branch, []), step["Name"])
