"""Reads the parameters of our templates, and names the REST deployment, without a YAML parser."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parents[2] / "infra"
_API_TYPES = re.compile(
    r"Type: AWS::ApiGateway::(GatewayResponse|Method|RequestValidator|Resource|RestApi)\b"
)
# Parameters of service.yaml that `deploy` sets itself.
_INTERNAL = {"DeployModelCodeKey", "PredictApiCodeKey", "ProjectName"}


def read_template(name: str) -> str:
    """Return the text of a template of ours."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def template_parameters(text: str) -> list[str]:
    """Return the names of a template's parameters."""
    return list(_blocks(text, "Parameters"))


def parameter_defaults(text: str) -> dict[str, str]:
    """Return the defaults of those parameters of a template that have one."""
    found = {}
    for name, block in _blocks(text, "Parameters").items():
        match = re.search(r"^ +Default: (.*)$", block, re.MULTILINE)
        if match:
            found[name] = match[1].strip('"')
    return found


def settings_of(text: str) -> dict[str, str]:
    """Return the parameters of the service template that users may set, with their defaults."""
    return {name: value for name, value in parameter_defaults(text).items() if name not in _INTERNAL}


def name_deployment(text: str, parameters: Mapping[str, str]) -> str:
    """Give the template's REST deployment a logical id that changes with the API's resources.

    API Gateway only deploys the changed resources of an API with a new deployment.

    Parameters
    ----------
    text
        The template, whose deployment is called ``ApiDeployment``.
    parameters
        The stack's parameters. The values of those that the API's resources use are part of the id.
    """
    blocks = {name: block for name, block in _blocks(text, "Resources").items() if _API_TYPES.search(block)}
    used = sorted(name for name in parameters if any(re.search(rf"\b{name}\b", b) for b in blocks.values()))
    # The resources use ApiKeyRequired through a condition.
    facts = json.dumps(
        [blocks, {name: parameters[name] for name in used}, parameters.get("ApiKeyRequired")], sort_keys=True
    )
    digest = hashlib.sha256(facts.encode()).hexdigest()[:8]
    return re.sub(r"\bApiDeployment\b", f"ApiDeployment{digest}", text)


def _blocks(text: str, section: str) -> dict[str, str]:
    """Split one section of a template into its items, and drop comments."""
    match = re.search(rf"^{section}:\n(.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^  (\w+):[ ]*\n", match[1] if match else "", flags=re.MULTILINE)
    uncommented = (re.sub(r"^\s*#.*\n", "", part, flags=re.MULTILINE) for part in parts[2::2])
    return dict(zip(parts[1::2], uncommented, strict=True))
