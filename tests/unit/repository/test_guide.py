"""docs/aws.md lists the parameters of the templates and the pipeline, with their defaults."""

from __future__ import annotations

import json
import re

from support.repository import ROOT

from scripts.deploy.template import TEMPLATES, settings_of

GUIDE = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")


def documented(section: str) -> dict[str, str]:
    """Return the parameters in a section's table with their defaults."""
    text = GUIDE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = {}
    for names, defaults in re.findall(r"^\| (`[A-Z][^|]*) \| ([^|]*) \|", text, re.MULTILINE):
        parts = re.findall(r"`(\w+)`", names)
        values = [value.strip("` ") for value in defaults.split(", ")]
        # Several parameters can share one default.
        found.update(
            zip(parts, values if len(values) == len(parts) else values[:1] * len(parts), strict=True)
        )
    return found


def test_the_guide_lists_the_settings_of_the_templates_with_their_defaults() -> None:
    settings: dict[str, str] = {}
    for name in ("service.yaml", "storage.yaml"):
        settings |= settings_of((TEMPLATES / name).read_text(encoding="utf-8"))

    assert documented("First deployment") == {name: value or "none" for name, value in settings.items()}


def test_the_guide_lists_the_pipeline_parameters_with_their_defaults() -> None:
    definition = json.loads((ROOT / "tests" / "contract" / "golden_definition.json").read_text())

    assert documented("Starting executions") == {
        parameter["Name"]: str(parameter.get("DefaultValue", "none"))
        for parameter in definition["Parameters"]
    }
