"""The Makefile: supported Python versions, arguments, and the list of targets."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.repository import ROOT


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Without the variables of an outer make, and with English messages.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**inherited, "LC_ALL": "C"}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def python_of(folder: Path, version: str) -> Path:
    """Write a program that reports a Python version and refuses to do anything else."""
    path = folder / "some-python"
    run = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 'final', 0); exec(sys.argv[1])"
    path.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exit 7\nexec "{sys.executable}" -c "{run}" "$2"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.9.18", "3.11.2", "3.15.0", "2.7.18"])
def test_an_unsupported_python_is_refused_before_an_environment_is_built(
    version: str, tmp_path: Path
) -> None:
    python = python_of(tmp_path, version)

    result = make("demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")

    assert result.returncode != 0
    assert result.stderr.splitlines()[0] == (
        f"Python 3.11.4 to 3.14 is needed; {python} is {version}. Try: make demo PYTHON=python3.12"
    )
    assert not (tmp_path / "venv").exists()


def test_an_unsupported_python_is_refused_when_an_environment_is_rebuilt(tmp_path: Path) -> None:
    uv = tmp_path / "venv/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.touch()

    result = make("demo", f"PYTHON={python_of(tmp_path, '3.9.18')}", f"VENV={tmp_path / 'venv'}")

    assert "Python 3.11.4 to 3.14 is needed" in result.stderr


@pytest.mark.parametrize("version", ["3.11.4", "3.12.0", "3.14.1"])
def test_a_supported_python_is_accepted(version: str, tmp_path: Path) -> None:
    result = make("demo", f"PYTHON={python_of(tmp_path, version)}", f"VENV={tmp_path / 'venv'}")

    assert "is needed" not in result.stderr
    assert "Error 7" in result.stderr  # building the environment has begun


@pytest.mark.parametrize("target", ["demo", "bench-serving", "model-card", "bench-judge", "bench-quality"])
def test_a_path_with_a_space_stays_one_argument(target: str) -> None:
    command = make("--dry-run", target, "DATA=my data/companies.csv").stdout.splitlines()[-1]

    assert '"my data/companies.csv"' in command
    assert '""' not in make("--dry-run", target).stdout


def test_the_list_of_targets_starts_with_what_newcomers_need() -> None:
    lines = [line.strip() for line in make("help").stdout.splitlines() if line.strip()]

    assert lines[1].startswith("Start here")
    assert [line.split()[1] for line in lines[2:6]] == ["demo", "up", "test", "clean"]
    assert [line for line in lines if not line.startswith("make ")][1:] == [
        "Checks",
        "Campaigns: long tests, outside the suite (SEED= draws other cases, SIZE= more or fewer)",
        "Benchmarks: the figures in the docs",
    ]


def test_every_file_that_a_target_runs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    modules = re.findall(r"-m (benchmarks[.\w]*)", makefile)
    files = re.findall(r"tests/\S+\.py", makefile)

    assert len(modules) > 8
    assert len(files) > 4
    for name in [f"{module.replace('.', '/')}.py" for module in modules] + files:
        assert (ROOT / name).is_file(), name
