"""Runs Schemathesis against the REST API on local AWS, with every check: `make test-api-schema`.

Fails if a check fails (an answer with status 5xx is one of the failures) or if fewer than 2,000 requests were
sent. Arguments are passed on to `st run`. SIZE sets the number of examples for each operation; below 1,000,
the number of requests is not checked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import schema_hooks
from predict_api.contract import Contract
from predict_api.openapi.document import build_document
from support.api.served import served_api
from support.campaign import SEED, size

from scripts.predict.client import ApiClient

REQUESTS = 2_000
# Random examples of each operation; boundary values are added in a separate phase.
FULL = 1000
EXAMPLES = size(FULL)


def main() -> None:
    """Serve the API, run Schemathesis against it, and check its report."""
    with served_api() as client, tempfile.TemporaryDirectory() as folder:
        report, document = Path(folder) / "report.json", Path(folder) / "openapi.json"
        document.write_text(json.dumps(_exact_document(client)), encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("st")),
            "run",
            str(document),
            f"--url={client.url}",
            f"--header=x-api-key: {client.key}",
            "--checks=all",
            f"--max-examples={EXAMPLES}",
            f"--seed={SEED}",
            "--continue-on-failure",
            "--generation-database=none",
            "--report=json",
            f"--report-json-path={report}",
            *sys.argv[1:],
        ]
        hooks = Path(schema_hooks.__file__)
        environment = os.environ | {"SCHEMATHESIS_HOOKS": hooks.stem, "PYTHONPATH": str(hooks.parent)}
        # Schemathesis leaves files in its working directory.
        ended = subprocess.run(command, cwd=folder, env=environment, check=False)
        if ended.returncode:
            sys.exit(ended.returncode)
        sent = json.loads(report.read_text())["test_cases"]["generated"]
        if sent < REQUESTS and EXAMPLES >= FULL:
            sys.exit(f"Schemathesis sent {sent:,} requests, fewer than {REQUESTS:,}; raise SIZE.")


def _exact_document(client: ApiClient) -> dict[str, Any]:
    """Return the document with the model's names, which the API only serves if it needs no key."""
    model = client.get("/model")
    medians = [feature["median"] for feature in model["features"]]
    return build_document(Contract({**model, "smoke_test": {"features": medians}}))


if __name__ == "__main__":
    main()
