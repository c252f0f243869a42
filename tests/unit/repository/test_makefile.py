"""The Makefile: what it refuses before it builds anything, and what it passes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # As from a shell that speaks English, although the tests themselves may run under make.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    environment = {**kept, "LC_ALL": "C"}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def python_of(folder: Path, version: str) -> Path:
    """An interpreter that says it is of that version, and that builds nothing."""
    path = folder / "some-python"
    run = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 'final', 0); exec(sys.argv[1])"
    path.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exit 7\nexec "{sys.executable}" -c "{run}" "$2"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.9.18", "3.14.0", "2.7.18"])
def test_another_python_is_refused_before_an_environment_is_built(version: str, tmp_path: Path) -> None:
    python = python_of(tmp_path, version)

    result = make("demo", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")

    assert result.returncode != 0
    told = f"Python 3.11, 3.12 or 3.13 is needed; {python} is {version}. Try: make demo PYTHON=python3.12"
    assert result.stderr.splitlines()[0] == told
    assert not (tmp_path / "venv").exists()


def test_another_python_is_refused_for_an_environment_that_is_built_anew(tmp_path: Path) -> None:
    uv = tmp_path / "venv/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.touch()

    result = make("demo", f"PYTHON={python_of(tmp_path, '3.9.18')}", f"VENV={tmp_path / 'venv'}")

    assert "Python 3.11, 3.12 or 3.13 is needed" in result.stderr


def test_a_python_that_will_do_is_taken(tmp_path: Path) -> None:
    result = make("demo", f"PYTHON={python_of(tmp_path, '3.13.1')}", f"VENV={tmp_path / 'venv'}")

    assert "is needed" not in result.stderr
    assert "Error 7" in result.stderr  # it went on to build


@pytest.mark.parametrize("target", ["demo", "bench-serving", "model-card", "bench-judge", "bench-quality"])
def test_a_path_with_a_space_stays_one_argument(target: str) -> None:
    command = make("--dry-run", target, "DATA=my data/companies.csv").stdout.splitlines()[-1]

    assert '"my data/companies.csv"' in command
    assert '""' not in make("--dry-run", target).stdout
