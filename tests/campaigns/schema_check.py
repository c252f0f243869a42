"""Runs Schemathesis against the REST API on local AWS: every check, at least 2,000 requests.

``python tests/e2e/schema_check.py [options of st run]`` fails if a check fails, that no answer is a 5xx among
them, or if there were fewer requests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import schema_hooks
from support.served_api import served_api

REQUESTS = 2_000
# Of one operation, in the phase that draws at random; the phase before it goes through the boundaries.
EXAMPLES = "1000"


def main() -> None:
    """Serve the API, let Schemathesis at it, judge its report."""
    with served_api() as client, tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            str(Path(sys.executable).with_name("st")),
            "run",
            f"{client.url}/openapi.json",
            f"--url={client.url}",
            f"--header=x-api-key: {client.key}",
            "--checks=all",
            f"--max-examples={EXAMPLES}",
            "--continue-on-failure",
            "--generation-database=none",
            "--report=json",
            f"--report-json-path={report}",
            *sys.argv[1:],
        ]
        hooks = Path(schema_hooks.__file__)
        environment = os.environ | {"SCHEMATHESIS_HOOKS": hooks.stem, "PYTHONPATH": str(hooks.parent)}
        # It leaves files where it runs.
        ended = subprocess.run(command, cwd=folder, env=environment, check=False)
        if ended.returncode:
            sys.exit(ended.returncode)
        sent = json.loads(report.read_text())["test_cases"]["generated"]
        if sent < REQUESTS:
            sys.exit(f"Schemathesis sent {sent:,} requests; {REQUESTS:,} are wanted: raise EXAMPLES.")


if __name__ == "__main__":
    main()
