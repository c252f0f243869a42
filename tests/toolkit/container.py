"""Runs AWS's serving and training programs as the scikit-learn image does, in their own folder."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.repository import ROOT

HERE = Path(__file__).parent
TOOLKIT = Path(os.environ.get("TOOLKIT", ROOT / ".venv-toolkit")).resolve()
START_SECONDS = 60
# No package index can be reached, as in a VPC without internet access.
OFFLINE = {
    "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    "PIP_RETRIES": "0",
    "PIP_TIMEOUT": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def toolkit_environment(base: Path, **more: str) -> dict[str, str]:
    """Return the environment variables of AWS's programs; `base` takes the place of /opt/ml."""
    return {
        "PATH": f"{TOOLKIT / 'bin'}:{os.defpath}",
        "HOME": str(base),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
        "SAGEMAKER_BASE_DIR": str(base),
        "AWS_REGION": "eu-west-1",
        "OMP_NUM_THREADS": "1",
        **OFFLINE,
        **more,
    }


class Container:
    """AWS's `serve`, for the model in `base`/model, with one worker and without nginx."""

    def __init__(self, base: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.log = base / "serve.log"
        environment = toolkit_environment(
            base,
            SAGEMAKER_PROGRAM="serve.py",
            SAGEMAKER_SUBMIT_DIRECTORY=str(base / "model" / "code"),
            SAGEMAKER_SERVING_MODULE="framework:main",
            SAGEMAKER_USE_NGINX="false",
            SAGEMAKER_MODEL_SERVER_WORKERS="1",
            SAGEMAKER_BIND_TO_PORT=str(self.port),
            MODEL_PACKAGE_VERSION="3",
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["serve"], env=environment, cwd=base, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_healthy(self) -> None:
        """Wait until /ping returns 200; fail with the log if it does not."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.ask("GET", "/ping")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"serve exited or did not become healthy:\n{self.log.read_text()[-3000:]}")

    def ask(
        self, method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Send a request; return status, content type and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
        finally:
            connection.close()

    def invoke(self, body: bytes | str, content_type: str, accept: str | None = None) -> tuple[int, str, str]:
        """Post to /invocations; return status, content type and body."""
        headers = {"Content-Type": content_type} | ({"Accept": accept} if accept else {})
        return self.ask("POST", "/invocations", body, headers)

    def stop(self) -> None:
        """Kill the process and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
