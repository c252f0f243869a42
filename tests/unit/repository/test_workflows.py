"""The workflows: their actions are pinned, and the one that deploys calls commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from support.repository import ROOT

from scripts.cli import app

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEPLOY = ROOT / ".github" / "workflows" / "deploy.yml"
JOBS: dict[str, Any] = yaml.safe_load(DEPLOY.read_text(encoding="utf-8"))["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit_with_its_version(path: Path) -> None:
    # A tag can be moved to other code, a commit can't.
    used = re.findall(r"uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_jobs_with_credentials_belong_to_an_environment_and_start_from_main() -> None:
    assert {name: job["environment"] for name, job in JOBS.items()} == {
        "staging": "staging",
        "production": "production",
    }
    for job in JOBS.values():
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert JOBS["staging"]["if"] == "github.ref == 'refs/heads/main'"
    assert JOBS["production"]["needs"] == "staging"
    assert "secrets." not in DEPLOY.read_text(encoding="utf-8")


def commands(job: str) -> list[list[str]]:
    """Return the words of each `bankruptcy` command in a job."""
    scripts = [step.get("run", "").replace("\\\n", " ") for step in JOBS[job]["steps"]]
    lines = [line.partition("|")[0] for script in scripts for line in script.splitlines()]
    return [shlex.split(line)[1:] for line in lines if "bankruptcy" in line]


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("staging", ["deploy", "pipeline start", "model approve", "test"]),
        ("production", ["deploy", "test", "promote"]),
    ],
)
def test_the_commands_exist_with_their_options(job: str, expected: list[str]) -> None:
    found = []
    for words in commands(job):
        command: Any = typer.main.get_command(app)
        names = []
        while hasattr(command, "commands"):
            names.append(words.pop(0))
            command = command.commands[names[-1]]
        command.make_context(names[-1], words)  # fails if an option is unknown
        found.append(" ".join(names))
    assert found == expected


def test_nobody_approves_in_production_but_people() -> None:
    text = str(JOBS["production"])
    assert "approve" not in text
    # Replacing or removing a resource there needs a person, too.
    assert "--yes" not in text


def test_the_guide_names_every_variable() -> None:
    guide = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"vars\.(\w+)", DEPLOY.read_text(encoding="utf-8")))
    assert variables == set(re.findall(r"^ *\| `([A-Z_]+)` \|", guide, re.MULTILINE))
