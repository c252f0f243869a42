"""The guide to AWS says what the templates and the pipeline say."""

from __future__ import annotations

import json
import re
from pathlib import Path

from scripts.deploy.template import TEMPLATES, settings_of

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")


def documented(section: str) -> dict[str, str]:
    """Return the parameters of a section's table with their defaults."""
    text = GUIDE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = {}
    for names, defaults in re.findall(r"^\| (`[A-Z][^|]*) \| ([^|]*) \|", text, re.MULTILINE):
        parts = re.findall(r"`(\w+)`", names)
        values = [value.strip("` ") for value in defaults.split(", ")]
        # One default may stand for several parameters.
        found.update(
            zip(parts, values if len(values) == len(parts) else values[:1] * len(parts), strict=True)
        )
    return found


def test_the_settings_of_the_service_are_in_the_guide_with_their_defaults() -> None:
    settings = settings_of((TEMPLATES / "service.yaml").read_text(encoding="utf-8"))

    assert documented("First deployment") == {name: value or "none" for name, value in settings.items()}


def test_the_parameters_of_executions_are_in_the_guide_with_their_defaults() -> None:
    definition = json.loads((ROOT / "tests" / "contract" / "golden_definition.json").read_text())

    assert documented("Starting executions") == {
        parameter["Name"]: str(parameter.get("DefaultValue", "none"))
        for parameter in definition["Parameters"]
    }
