"""Pipeline definitions: validation, parameter values, and evaluation of expressions and conditions."""

from __future__ import annotations

import json
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from local_aws.base.documents import PathError, follow

STEP_TYPES = ("Processing", "Training", "RegisterModel", "Model", "Condition", "Fail")
PARAMETER_TYPES = ("String", "Integer", "Float", "Boolean")

_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
_CONDITIONS = (*_COMPARISONS, "In", "Not", "Or")
_EXECUTION_VALUES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
    "CurrentDateTime",
    "TrainingJobName",
    "ProcessingJobName",
)


class DefinitionError(PathError):
    """An invalid definition, parameter value or expression."""


def parse(text: str) -> dict[str, Any]:
    """Parse a definition and check everything that can be checked before it runs.

    Raises
    ------
    DefinitionError
        If the definition is invalid; the message lists every problem.
    """
    try:
        definition = json.loads(text)
    except json.JSONDecodeError as error:
        raise DefinitionError(f"The pipeline definition is not JSON: {error}.") from error
    if not isinstance(definition, dict) or not isinstance(definition.get("Steps"), list):
        raise DefinitionError('The pipeline definition must be an object with a list "Steps".')
    found = list(_problems(definition))
    if found:
        raise DefinitionError(f"Invalid pipeline definition: {' '.join(found)}")
    return definition


def walk(steps: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield all steps, including those inside conditions, outer steps first."""
    for step in steps:
        yield step
        if step.get("Type") == "Condition":
            arguments = step.get("Arguments", {})
            yield from walk(arguments.get("IfSteps", []))
            yield from walk(arguments.get("ElseSteps", []))


def _problems(definition: Mapping[str, Any]) -> Iterator[str]:
    if definition.get("Version") != "2020-12-01":
        yield f"Version is {definition.get('Version')!r}; it must be '2020-12-01'."
    steps = list(walk(definition["Steps"]))
    if not steps:
        yield "Steps is empty; a pipeline needs at least one step."
    names = Counter(str(step.get("Name", "")) for step in steps)
    yield from (f"Step name {name!r} is used {count} times." for name, count in names.items() if count > 1)
    declared = set()
    for parameter in definition.get("Parameters", []):
        declared.add(parameter.get("Name"))
        if parameter.get("Type") not in PARAMETER_TYPES:
            yield (
                f"Parameter {parameter.get('Name')!r} has type {parameter.get('Type')!r}; "
                f"allowed are {', '.join(PARAMETER_TYPES)}."
            )
    for step in steps:
        yield from _step_problems(step, set(names), declared)
    yield from _cycle_problems(steps)


def _step_problems(step: Mapping[str, Any], names: set[str], declared: set[Any]) -> Iterator[str]:
    name = str(step.get("Name", ""))
    if not _NAME.fullmatch(name):
        yield f"Step name {name!r} must be 1 to 64 letters, digits, hyphens or underscores."
    if step.get("Type") not in STEP_TYPES:
        yield f"Step {name!r} has type {step.get('Type')!r}; local AWS runs {', '.join(STEP_TYPES)}."
        return
    for other in sorted(dependencies(step) - names):
        yield f"Step {name!r} refers to step {other!r}, which does not exist."
    own = _own_arguments(step)
    for path in sorted(paths(own)):
        root, _, rest = path.partition(".")
        if root == "Parameters" and rest not in declared:
            yield f"Step {name!r} uses the undeclared parameter {rest!r}."
        elif root == "Execution" and rest not in _EXECUTION_VALUES:
            yield f"Step {name!r} uses {path!r}; allowed after Execution are {', '.join(_EXECUTION_VALUES)}."
        elif root not in {"Parameters", "Execution", "Steps"}:
            yield f"Step {name!r} uses {path!r}; paths start with Parameters, Execution or Steps."
    for condition in _conditions(own.get("Conditions", [])):
        if condition.get("Type") not in _CONDITIONS:
            yield (
                f"Step {name!r} has a condition of type {condition.get('Type')!r}; "
                f"allowed are {', '.join(_CONDITIONS)}."
            )


def _conditions(conditions: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for condition in conditions:
        yield condition
        yield from _conditions(condition.get("Conditions", []))
        inner = condition.get("Condition", condition.get("Expression"))
        if isinstance(inner, Mapping):
            yield from _conditions([inner])


def _cycle_problems(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    waiting = {str(step.get("Name", "")): dependencies(step) for step in steps}
    for needed in waiting.values():
        needed.intersection_update(waiting)
    while ready := [name for name, needed in waiting.items() if not needed]:
        for name in ready:
            del waiting[name]
        for needed in waiting.values():
            needed.difference_update(ready)
    if waiting:
        yield f"Steps {', '.join(sorted(waiting))} depend on each other in a cycle."


def dependencies(step: Mapping[str, Any]) -> set[str]:
    """Return the names of the steps that must end before `step` can start."""
    used = {path.split(".")[1] for path in paths(_own_arguments(step)) if path.startswith("Steps.")}
    return used | explicit_dependencies(step)


def _own_arguments(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step's arguments without the steps nested in a condition."""
    branches = {"IfSteps", "ElseSteps"}
    return {key: value for key, value in step.get("Arguments", {}).items() if key not in branches}


def explicit_dependencies(step: Mapping[str, Any]) -> set[str]:
    """Return the step names in DependsOn, which holds strings or objects with a member Step."""
    return {str(each["Step"] if isinstance(each, Mapping) else each) for each in step.get("DependsOn") or []}


def paths(value: Any) -> set[str]:
    """Return the paths of all expressions in a value, such as ``Parameters.MinRocAuc``."""
    if isinstance(value, Mapping):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            return {value["Get"]}
        return set().union(*(paths(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(paths(each) for each in value))
    return set()


def parameter_values(
    definition: Mapping[str, Any], requested: Sequence[Mapping[str, Any]]
) -> dict[str, str | int | float | bool]:
    """Return the value of every declared parameter for one execution.

    Parameters
    ----------
    definition : Mapping
        A definition from `parse`.
    requested : sequence of Mapping
        ``PipelineParameters`` of the request; the values are strings.

    Raises
    ------
    DefinitionError
        If a parameter is undeclared or missing, or its value has the wrong type or is not in the enum.
    """
    declared = {str(each["Name"]): each for each in definition.get("Parameters", [])}
    strings = {str(each["Name"]): each["Value"] for each in requested}
    unknown = sorted(set(strings) - set(declared))
    if unknown:
        raise DefinitionError(
            f"Unknown parameters: {', '.join(unknown)}. "
            f"The pipeline declares: {', '.join(declared) or 'none'}."
        )
    values = {}
    for name, parameter in declared.items():
        if name in strings:
            value = _typed(name, parameter["Type"], strings[name])
        elif parameter.get("DefaultValue") is not None:
            value = parameter["DefaultValue"]
        else:
            raise DefinitionError(f"Parameter {name} has no default value; set it in PipelineParameters.")
        allowed = parameter.get("EnumValues")
        if allowed and value not in allowed:
            raise DefinitionError(
                f"Parameter {name} is {value!r}; allowed are {', '.join(str(each) for each in allowed)}."
            )
        values[name] = value
    return values


def _typed(name: str, kind: str, text: str) -> str | int | float | bool:
    try:
        if kind == "Integer":
            return int(text)
        if kind == "Float":
            return float(text)
    except ValueError as error:
        raise DefinitionError(f"Parameter {name} must be of type {kind}, not {text!r}.") from error
    if kind == "Boolean":
        if text.lower() not in {"true", "false"}:
            raise DefinitionError(f"Parameter {name} must be true or false, not {text!r}.")
        return text.lower() == "true"
    return text


class Resolver:
    """Evaluates expressions and conditions while an execution runs.

    Parameters
    ----------
    parameters : Mapping
        Result of `parameter_values`.
    execution : Callable
        Returns the value of ``Execution.<name>``.
    steps : Mapping
        Properties of each step that has ended, by name; it grows during the execution.
    read_json : Callable
        Takes the names of a step and a property file; returns the parsed JSON.
    read_uri : Callable
        Takes an S3 URI; returns the parsed JSON.
    """

    def __init__(
        self,
        *,
        parameters: Mapping[str, Any],
        execution: Callable[[str], Any],
        steps: Mapping[str, Mapping[str, Any]],
        read_json: Callable[[str, str], Any],
        read_uri: Callable[[str], Any],
    ) -> None:
        self._parameters = parameters
        self._execution = execution
        self._steps = steps
        self._read_json = read_json
        self._read_uri = read_uri

    def resolve(self, value: Any) -> Any:
        """Return `value` with every expression replaced by its value.

        Raises
        ------
        DefinitionError
            If an expression refers to a step that did not run or a value that does not exist.
        """
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"Get"}:
            return self._get(str(value["Get"]))
        if set(value) == {"Std:Join"}:
            join = value["Std:Join"]
            return str(join["On"]).join(as_text(self.resolve(each)) for each in join["Values"])
        if set(value) == {"Std:JsonGet"}:
            return self._json_get(value["Std:JsonGet"])
        return {key: self.resolve(each) for key, each in value.items()}

    def holds(self, condition: Mapping[str, Any]) -> bool:
        """Return whether a condition is true."""
        kind = condition["Type"]
        if kind == "Not":
            return not self.holds(condition.get("Condition", condition.get("Expression")))
        if kind == "Or":
            return any(self.holds(each) for each in condition["Conditions"])
        if kind == "In":
            wanted = self.resolve(condition.get("QueryValue", condition.get("Value")))
            return wanted in self.resolve(condition.get("Values", condition.get("In")))
        left, right = self.resolve(condition["LeftValue"]), self.resolve(condition["RightValue"])
        try:
            return _COMPARISONS[kind](left, right)
        except TypeError as error:
            raise DefinitionError(f"{kind} cannot compare {left!r} with {right!r}.") from error

    def _get(self, path: str) -> Any:
        root, _, rest = path.partition(".")
        if root == "Parameters":
            return self._parameters[rest]
        if root == "Execution":
            return self._execution(rest)
        step, _, rest = rest.partition(".")
        if step not in self._steps:
            raise DefinitionError(f"{path} cannot be resolved, because step {step} did not run.")
        return follow(self._steps[step], rest, f"step {step}")

    def _json_get(self, expression: Mapping[str, Any]) -> Any:
        path = str(self.resolve(expression["Path"]))
        if "PropertyFile" in expression:
            source = expression["PropertyFile"]["Get"]
            _, step, _, name = str(source).split(".", 3)
            if step not in self._steps:
                raise DefinitionError(f"{source} cannot be read, because step {step} did not run.")
            return follow(self._read_json(step, name), path, f"property file {name} of step {step}")
        uri = str(self.resolve(expression["S3Uri"]))
        return follow(self._read_uri(uri), path, uri)


def as_text(value: Any) -> str:
    """Return a value as text, in the form of Std:Join."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
