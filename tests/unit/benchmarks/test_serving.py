"""The serving benchmark: timing, comparison with scikit-learn, and load on an endpoint."""

from __future__ import annotations

import http.server
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.serving import cost, endpoint, forward, tables
from benchmarks.serving.forward import Family
from inference.artifact import load
from inference.contract import contract_hash
from steps.estimators.directed_logistic import DirectedLogistic
from steps.export.files import write_model
from steps.export.served import export_pipeline

NAMES = ["a", "b", "c"]
CONTRACT = {
    "contract": contract_hash(NAMES),
    "features": [{"name": name} for name in NAMES],
    "threshold": 0.5,
    "risk_levels": [{"level": "low", "from": 0.0}],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "TOTAL_SECONDS", 0.01)


@pytest.fixture
def family(tmp_path: Path) -> Family:
    X = np.random.default_rng(0).normal(size=(200, 3))
    pipeline = Pipeline([("scale", StandardScaler()), ("model", DirectedLogistic())]).fit(X, X[:, 0] > 0)
    pipeline[-1].classes_ = np.array([0, 1])
    write_model(tmp_path / "m", export_pipeline(pipeline, forward.UNCALIBRATED), CONTRACT, None)
    return Family("logistic", pipeline, load(tmp_path / "m"), tmp_path / "m")


def test_each_call_is_timed_separately() -> None:
    slow, quick = forward.fastest(lambda: time.sleep(0.003), lambda: None)
    assert slow >= 0.003
    assert quick < slow / 10


def test_a_family_is_timed_compared_and_packed(family: Family) -> None:
    X = np.random.default_rng(1).normal(size=(20, 3))
    measured = cost.measure(family, X, [1, 50])
    assert [(one.family, one.rows) for one in measured.compared] == [("logistic", 1), ("logistic", 50)]
    assert measured.compared[0].ratio > 1
    assert measured.largest_difference < 1e-9
    assert family.folder.with_suffix(".tar.gz").exists()
    assert set(measured.request) >= {"predict_proba", "whole"}
    assert all(seconds > 0 for seconds in measured.request.values())


def test_a_difference_is_found(family: Family) -> None:
    X = np.random.default_rng(1).normal(size=(20, 3))
    family.pipeline[-1].intercept_ += 0.01
    assert forward.largest_difference(family, X) > 1e-4


FIGURES = {
    "machine": "2 cores",
    "measured": "2026-01-02",
    "data": "sample data",
    "served": "logistic",
    "families": {
        "logistic": {
            "compared": [
                {"rows": 1, "seconds": 25e-6, "sklearn_seconds": 1e-3},
                {"rows": 100_000, "seconds": 2.0, "sklearn_seconds": 1.0},
            ],
            "largest_difference": 2e-16,
            "kilobytes": 1234,
            "request": {"predict_proba": 25e-6, "whole": 54e-6},
        }
    },
    "worker": {"ready_seconds": 0.456, "resident_mib": 47, "alone_seconds": 200e-6},
    "endpoint": [
        {
            "clients": 8,
            "requests_per_second": 1234.5,
            "p50_ms": 6.5,
            "p99_ms": 12.3,
            "front_cpu_us": 400.0,
            "worker_cpu_us": 350.0,
        }
    ],
}


def test_the_chapter_shows_the_figures() -> None:
    text = tables.chapter(FIGURES)
    assert "on sample data (2 cores)" in text
    assert "| logistic | 25.0 µs (40.0×) | 2.0 s (0.5×) | 29.0 µs | 2e-16 |" in text
    assert "| … plus the endpoint in front of it | 6.5 ms | 6.3 ms |" in text
    assert "| 8 | 1,234 | 6.5 ms | 12.3 ms | 400.0 µs | 350.0 µs |" in text
    assert "ready in 0.46 s and holds 47 MiB; model.tar.gz has 1,234 kB" in text


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"x" * 100_000)

    def log_message(self, *_: object) -> None:
        """Do not log requests."""


def test_the_client_reads_whole_responses_and_fails_on_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        request = endpoint.http_request("/invocations", b"body")
        assert len(endpoint.send_for(server.server_port, request, 0.05)) > 1
        monkeypatch.setattr(Answers, "status", 500)
        with pytest.raises(SystemExit, match=r"answered HTTP/1\.1 500"):
            endpoint.send_for(server.server_port, request, 0.05)
        server.shutdown()
