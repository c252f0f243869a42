"""Parses CloudFormation templates: parameters, rules, conditions, functions and the order of resources."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

PSEUDO_PARAMETERS = {"AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region"} | {
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
}
SECTIONS = {"AWSTemplateFormatVersion", "Conditions", "Description", "Metadata", "Outputs", "Parameters"} | {
    "Resources",
    "Rules",
}
NO_VALUE = object()
VALUE_FUNCTIONS = {"Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub", "Ref"}


class TemplateError(ValueError):
    """An invalid template or parameter; CloudFormation answers with ValidationError."""


class _Loader(yaml.CSafeLoader):
    """Loads YAML as CloudFormation does: `!Sub x` becomes {"Fn::Sub": x}, and dates stay text."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        raise TemplateError(f"Template format error: !{suffix} has no value")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


def _as_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_multi_constructor("!", _tag)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


class Template:
    """A parsed template.

    Parameters
    ----------
    body
        The template as YAML or JSON.

    Raises
    ------
    TemplateError
        If the text is not a template, or a reference or dependency does not exist.
    """

    def __init__(self, body: str) -> None:
        self.body = body
        try:
            parsed = yaml.load(body, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
        except yaml.YAMLError as error:
            raise TemplateError(f"Template format error: YAML not well-formed. ({error})") from error
        if not isinstance(parsed, dict) or not isinstance(parsed.get("Resources"), dict):
            raise TemplateError(
                "Template format error: At least one Resources member must be defined."
            ) from None
        unknown = sorted(set(parsed) - SECTIONS)
        if unknown:
            raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
        self.description: str | None = parsed.get("Description")
        self.parameters: dict[str, dict[str, Any]] = parsed.get("Parameters") or {}
        self.rules: dict[str, dict[str, Any]] = parsed.get("Rules") or {}
        self.conditions: dict[str, Any] = parsed.get("Conditions") or {}
        self.resources: dict[str, dict[str, Any]] = parsed["Resources"]
        self.outputs: dict[str, dict[str, Any]] = parsed.get("Outputs") or {}
        self._check_references()
        self.order = self._in_order()

    def types(self) -> set[str]:
        """Return all resource types of the template."""
        return {str(resource.get("Type")) for resource in self.resources.values()}

    def needs_iam_capability(self) -> str | None:
        """Return the capability that a caller must acknowledge, or None."""
        roles = [r for r in self.resources.values() if str(r.get("Type")).startswith("AWS::IAM::")]
        named = any("RoleName" in (role.get("Properties") or {}) for role in roles)
        return ("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM") if roles else None

    def resolve_parameters(self, requested: Mapping[str, str]) -> dict[str, str]:
        """Return the value of every parameter, after checking it against the template's constraints."""
        unknown = [name for name in requested if name not in self.parameters]
        if unknown:
            raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
        values = {}
        missing = []
        for name, declaration in self.parameters.items():
            if name in requested:
                values[name] = requested[name]
            elif "Default" in declaration:
                values[name] = _text(declaration["Default"])
            else:
                missing.append(name)
        if missing:
            raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
        for name, value in values.items():
            _check_parameter(name, self.parameters[name], value)
        return values

    def _check_references(self) -> None:
        known = set(self.parameters) | set(self.resources) | PSEUDO_PARAMETERS
        for section, items in (("Resources", self.resources), ("Outputs", self.outputs)):
            missing = sorted({name for item in items.values() for name in references(item)} - known)
            if missing:
                raise TemplateError(
                    f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
                    f"in the {section} block of the template"
                )
            conditions = {str(item["Condition"]) for item in items.values() if "Condition" in item}
            undefined = sorted(conditions - set(self.conditions))
            if undefined:
                raise TemplateError(f"Template format error: Unresolved condition {undefined[0]}")

    def _in_order(self) -> list[str]:
        graph: dict[str, list[str]] = {}
        for name, resource in self.resources.items():
            depends = resource.get("DependsOn") or []
            wanted = {*references(resource), *([depends] if isinstance(depends, str) else depends)}
            graph[name] = [other for other in self.resources if other in wanted and other != name]
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            names = ", ".join(error.args[1])
            raise TemplateError(f"Circular dependency between resources: [{names}]") from error


class Scope:
    """Evaluates a template's functions and conditions with parameter values.

    Parameters
    ----------
    values
        Parameters and pseudo parameters by name.
    lookup
        Takes a resource's name and an attribute; returns the attribute, or the physical id for None.
    """

    def __init__(
        self,
        template: Template,
        values: Mapping[str, Any],
        lookup: Callable[[str, str | None], Any],
    ) -> None:
        self._template = template
        self._values = values
        self._lookup = lookup

    def check_rules(self) -> None:
        """Raise TemplateError if an assertion of a rule is false."""
        for name, rule in self._template.rules.items():
            if "RuleCondition" in rule and not self.holds(rule["RuleCondition"]):
                continue
            for assertion in rule.get("Assertions", []):
                if not self.holds(assertion["Assert"]):
                    why = assertion.get("AssertDescription", "")
                    raise TemplateError(f"Template validation error: Rule {name} failed: {why}")

    def active(self, item: Mapping[str, Any]) -> bool:
        """Return whether a resource or output exists, given the template's conditions."""
        return "Condition" not in item or self.condition(str(item["Condition"]))

    def condition(self, name: str) -> bool:
        """Return the value of a named condition."""
        if name not in self._template.conditions:
            raise TemplateError(f"Template format error: Unresolved condition {name}")
        return self.holds(self._template.conditions[name])

    def holds(self, expression: Any) -> bool:
        """Evaluate a condition function."""
        if not isinstance(expression, dict) or len(expression) != 1:
            raise TemplateError(f"Template error: {expression!r} is not a condition")
        ((function, argument),) = expression.items()
        if function == "Condition":
            return self.condition(argument)
        if function == "Fn::Equals":
            left, right = (self.resolve(value) for value in argument)
            return _text(left) == _text(right)
        if function == "Fn::Contains":
            return _text(self.resolve(argument[1])) in {_text(self.resolve(value)) for value in argument[0]}
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function in {"Fn::And", "Fn::Or"}:
            results = [self.holds(value) for value in argument]
            return all(results) if function == "Fn::And" else any(results)
        raise TemplateError(f"Template error: local AWS does not implement {function} in a condition")

    def resolve(self, value: Any) -> Any:
        """Return `value` with every function replaced by its result."""
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key in VALUE_FUNCTIONS:
                return self._call(key, argument)
            if key.startswith("Fn::"):
                raise TemplateError(
                    f"Template error: local AWS does not implement {key}; "
                    f"it supports {', '.join(sorted(VALUE_FUNCTIONS))}"
                )
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref":
                result = self._ref(argument)
            case "Fn::GetAtt":
                result = self._lookup(argument[0], argument[1])
            case "Fn::If":
                result = self.resolve(argument[1] if self.condition(argument[0]) else argument[2])
            case "Fn::Join":
                result = str(argument[0]).join(_text(item) for item in self.resolve(argument[1]))
            case "Fn::Split":
                result = str(self.resolve(argument[1])).split(argument[0])
            case "Fn::Select":
                result = self.resolve(argument[1])[int(argument[0])]
            case _:
                result = self._substitute(argument)
        return result

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._values:
            value = self._values[name]
            is_list = self._template.parameters.get(name, {}).get("Type") == "CommaDelimitedList"
            return [item.strip() for item in value.split(",")] if is_list else value
        return self._lookup(name, None)

    def _substitute(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return _text(own[name])
            resource, dot, attribute = name.partition(".")
            return _text(self._lookup(resource, attribute) if dot else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", replace, text)


def references(value: Any) -> Iterator[str]:
    """Yield the names of all parameters and resources that part of a template refers to."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                text, own = (item, {}) if isinstance(item, str) else (item[0], item[1])
                for name in re.findall(r"\$\{([^}!][^}]*)\}", text):
                    if name not in own:
                        yield name.partition(".")[0]
                yield from references(own)
            else:
                yield from references(item)


def _check_parameter(name: str, declaration: Mapping[str, Any], value: str) -> None:
    problem = None
    allowed = [_text(item) for item in declaration.get("AllowedValues", [])]
    pattern = declaration.get("AllowedPattern")
    if declaration.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            raise TemplateError(f"Parameter '{name}' must be a number, not {value!r}.") from None
        if number < float(declaration.get("MinValue", number)):
            problem = f"must be a number not less than {declaration['MinValue']}"
        elif number > float(declaration.get("MaxValue", number)):
            problem = f"must be a number not greater than {declaration['MaxValue']}"
    if allowed and value not in allowed:
        problem = f"must be one of AllowedValues [{', '.join(allowed)}]"
    elif pattern and not re.fullmatch(pattern, value):
        problem = declaration.get("ConstraintDescription") or f"must match pattern {pattern}"
    if problem:
        raise TemplateError(f"Parameter '{name}' failed to satisfy constraint: {problem} (given {value!r})")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
