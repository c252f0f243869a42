"""The commit that a deployment records."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from scripts.deploy.commit import current_commit


def _git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    done = subprocess.run(
        ["git", *settings, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_checkout_has_its_commit_and_says_when_files_have_changed(tmp_path: Path) -> None:
    _git(tmp_path, "init", "--quiet")
    file = tmp_path / "code.py"
    file.write_text("first")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "--message", "First")
    _git(tmp_path, "tag", "v1")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    assert current_commit(tmp_path) == commit
    file.write_text("second")
    assert current_commit(tmp_path) == f"{commit}-dirty"


def test_an_installed_package_has_its_version(tmp_path: Path) -> None:
    assert current_commit(tmp_path) == f"version-{version('bankruptcy-mlops')}"
