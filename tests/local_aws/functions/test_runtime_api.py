"""The port between local AWS and a Lambda worker accepts answers from that worker only."""

import http.client
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.local_aws.cloud import eventually

from local_aws.functions.worker import Request, Worker


class TestRuntimeApi:
    """The port between local AWS and a worker takes answers from that worker alone."""

    @pytest.fixture
    def worker(self, tmp_path: Path) -> Iterator[Worker]:
        (tmp_path / "main.py").write_text(
            "import os, time\n"
            "def handler(event, context):\n"
            "    open(event['go'] + '-started', 'w').close()\n"
            "    while not os.path.exists(event['go']): time.sleep(0.01)\n"
            "    return 'right'\n"
        )
        started = Worker("main.handler", tmp_path, dict(os.environ))
        yield started
        started.close()

    @staticmethod
    def post(worker: Worker, path: str, body: bytes = b'"forged"') -> int:
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=5)
        connection.request(
            "POST", path, body, {"Content-Type": "text/plain", "Origin": "https://evil.example"}
        )
        status = connection.getresponse().status
        connection.close()
        return status

    def test_a_forged_answer_is_refused_before_during_and_after_a_request(
        self, worker: Worker, tmp_path: Path
    ) -> None:
        go = tmp_path / "go"
        request = Request("the-id", json.dumps({"go": str(go)}).encode(), "arn", "trace", 10.0)
        forgeries = [
            "/2018-06-01/runtime/invocation/the-id/response",
            "/2018-06-01/runtime/invocation/the-id/error",
            "/2018-06-01/runtime/invocation/x/response",
            "/2018-06-01/runtime/init/error",
        ]
        before = [self.post(worker, path) for path in forgeries]
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(worker.invoke, request)
            eventually((tmp_path / "go-started").exists)
            during = [self.post(worker, path) for path in forgeries]
            go.touch()
            assert answer.result().payload == b'"right"'
        after = [self.post(worker, path) for path in forgeries]
        assert before == during == after == [400] * 4
        # The next caller gets its own answer.
        assert worker.invoke(request).payload == b'"right"'

    def test_a_page_takes_no_request_away(self, worker: Worker) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=5)
        connection.request("GET", "/2018-06-01/runtime/invocation/next")
        assert connection.getresponse().status == 404
        connection.close()
