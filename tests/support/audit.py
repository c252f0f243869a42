"""Looks the locked dependencies up in PyPI's database of vulnerabilities; for `make audit`."""

from __future__ import annotations

import json
import subprocess
import sys

from support.repository import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Print what was found; return 0 if every dependency was looked up and none is vulnerable."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    locks = [word for lock in LOCKS for word in ("--requirement", str(ROOT / lock))]
    run = subprocess.run([*command, *locks], capture_output=True, text=True, check=False)
    if not run.stdout:
        _show(f"pip-audit failed. Its output was:\n{run.stderr}")
        return 2
    dependencies = json.loads(run.stdout)["dependencies"]
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    vulnerable = [each for each in dependencies if each.get("vulns")]
    for each in vulnerable:
        for found in each["vulns"]:
            fixed = ", ".join(found["fix_versions"]) or "no release yet"
            _show(f"{each['name']} {each['version']}: {found['id']}, fixed in {fixed}")
    if len(skipped) == len(dependencies):
        _show("The database of vulnerabilities (PyPI) cannot be reached: nothing was checked.")
    elif skipped:
        _show(f"{len(skipped)} of {len(dependencies)} dependencies were not checked: {', '.join(skipped)}")
    else:
        _show(f"{len(dependencies)} dependencies checked, {len(vulnerable)} of them vulnerable.")
    if vulnerable:
        return 1
    return 2 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
