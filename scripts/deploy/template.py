"""Reads the parameters of our templates, and names the REST deployment."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from scripts.deploy.outputs import camel_case
from scripts.deploy.packaging import FUNCTIONS

TEMPLATES = Path(__file__).resolve().parents[2] / "infra"
_API_TYPES = {
    f"AWS::ApiGateway::{name}"
    for name in ("GatewayResponse", "Method", "RequestValidator", "Resource", "RestApi")
}
# Parameters that `deploy` sets itself.
_INTERNAL = {"Commit", "ImageAccount", "ProjectName", *(f"{camel_case(name)}CodeKey" for name in FUNCTIONS)}


class _Loader(yaml.CSafeLoader):
    """Loads CloudFormation's short forms, such as ``!Sub``, as a list of tag and value."""


def _short_form(loader: _Loader, tag: str, node: yaml.Node) -> list[Any]:
    if isinstance(node, yaml.ScalarNode):
        return [tag, loader.construct_scalar(node)]
    if isinstance(node, yaml.SequenceNode):
        return [tag, loader.construct_sequence(node, deep=True)]
    raise yaml.constructor.ConstructorError(None, None, f"!{tag} has a mapping as its value", node.start_mark)


_Loader.add_multi_constructor("!", _short_form)


def read_template(name: str) -> str:
    """Return the text of one of our templates."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def template_parameters(text: str) -> list[str]:
    """Return the names of a template's parameters."""
    return list(_load(text)["Parameters"])


def parameter_defaults(text: str) -> dict[str, str]:
    """Return the defaults of a template's parameters, without those that have none."""
    parameters = _load(text)["Parameters"].items()
    return {name: str(value["Default"]) for name, value in parameters if "Default" in value}


def settings_of(text: str) -> dict[str, str]:
    """Return the parameters of a template that users may set, with their defaults."""
    return {name: value for name, value in parameter_defaults(text).items() if name not in _INTERNAL}


def name_deployment(text: str, parameters: Mapping[str, str]) -> str:
    """Give the template's REST deployment a logical id that changes with the API's resources.

    API Gateway only deploys the changed resources of an API with a new deployment.

    Parameters
    ----------
    text
        The template, whose deployment is called ``ApiDeployment``.
    parameters
        The stack's parameters. The id depends on the values that the API's resources use.
    """
    resources = _load(text)["Resources"].items()
    declared = {name: value for name, value in resources if value["Type"] in _API_TYPES}
    api = json.dumps(declared, sort_keys=True)
    # The resources use ApiKeyRequired through a condition.
    used = {name: parameters[name] for name in parameters if re.search(rf"\b{name}\b", api)}
    facts = json.dumps([api, used, parameters.get("ApiKeyRequired")], sort_keys=True)
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return re.sub(r"\bApiDeployment\b", f"ApiDeployment{digest}", text)


@lru_cache
def _load(text: str) -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    return template
