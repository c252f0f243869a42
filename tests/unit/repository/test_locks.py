"""The locks: excluded packages are never imported, and the development lock only adds packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from support.repository import ROOT

EXCLUDED = [
    line
    for line in (ROOT / "requirements-excluded.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
DEVELOPMENT = {"hypothesis", "import-linter", "mypy", "pre-commit", "pytest", "ruff", "schemathesis"}


def pins(name: str) -> dict[str, set[str]]:
    """Return the pinned versions by package; there are several where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    text = (ROOT / name).read_text(encoding="utf-8")
    for package, version in re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_running_environment_has_no_tools_for_development() -> None:
    assert not DEVELOPMENT & set(pins("requirements.lock"))
    assert set(pins("requirements-dev.lock")) >= DEVELOPMENT


def test_development_uses_the_versions_that_run() -> None:
    running, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: development.get(name) for name in running} == running


def test_excluded_packages_are_in_no_lock() -> None:
    assert not set(EXCLUDED) & (set(pins("requirements.lock")) | set(pins("requirements-dev.lock")))


def test_the_definition_is_built_without_the_excluded_packages() -> None:
    # GIVEN a process in which importing any of them fails
    modules = sorted(name.replace("-", "_") for name in EXCLUDED)
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({modules}))\n"  # None makes an import fail
        "from support.pipeline.definitions import build\n"
        "print(len(build()))\n"
    )
    path = os.pathsep.join(str(ROOT / folder) for folder in (".", "lambda", "tests"))
    # WHEN it builds the pipeline definition
    built = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    # THEN nothing was missing
    assert built.returncode == 0, built.stderr
    assert int(built.stdout) > 10_000
