"""The served model in AWS's serving stack: `serve`, gunicorn, gevent, Flask worker, transformer."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toolkit.container import TOOLKIT, Container, toolkit_environment
from toolkit.models import HASH, write_quick, write_slow

JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
ONE = '{"data": [1, 0, 0]}'


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quick") / "model"
    write_quick(folder)
    return folder


@pytest.fixture(scope="module")
def packed(model: Path) -> dict[str, bytes]:
    """The model's files before anything is started."""
    return contents(model)


@pytest.fixture(scope="module")
def container(model: Path, packed: dict[str, bytes]) -> Iterator[Container]:
    container = Container(model.parent)
    container.wait_until_healthy()
    yield container
    container.stop()


@pytest.fixture(scope="module")
def slow(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """A second model with other code, started in the environment that has the first one's code installed."""
    folder = tmp_path_factory.mktemp("slow") / "model"
    write_slow(folder)
    with (folder / "code" / "serve.py").open("a") as code:
        code.write("\ndef execution_parameters_fn():\n    return {'MaxPayloadInMB': 2}\n")
    slow = Container(folder.parent)
    slow.wait_until_healthy()
    yield slow
    slow.stop()


def answered(text: str, media_type: str) -> list[float]:
    """Return the probabilities of bankruptcy in a reply for many companies."""
    if media_type == CSV:
        return [float(line.split(",")[2]) for line in text.splitlines()]
    answers: list[Any] = (
        json.loads(text)["predictions"] if media_type == JSON else list(map(json.loads, text.splitlines()))
    )
    return [answer["probability"]["bankrupt"] for answer in answers]


def test_it_starts_without_a_package_index(container: Container) -> None:
    assert "Looking in indexes: http://127.0.0.1:9/simple" in container.log.read_text()
    assert container.ask("GET", "/ping")[0] == 200


def test_without_the_build_backend_it_needs_a_package_index(model: Path, tmp_path: Path) -> None:
    # GIVEN the same code without its build backend
    shutil.copytree(model / "code", tmp_path / "code")
    (tmp_path / "code" / "pyproject.toml").unlink()
    # WHEN AWS's module loader prepares and installs it, as on every start
    program = (
        f"from sagemaker_containers import _modules as m; m.prepare('code', 'serve'); m.install({'code'!r})"
    )
    done = subprocess.run(
        ["python", "-c", program],
        cwd=tmp_path,
        env=toolkit_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    # THEN pip asks for setuptools
    assert done.returncode != 0
    assert "setuptools" in done.stdout + done.stderr


def test_one_company_is_answered(container: Container) -> None:
    status, media_type, text = container.invoke(ONE, JSON)
    assert (status, media_type) == (200, JSON)
    answer = json.loads(text)
    assert answer["probability"]["bankrupt"] == pytest.approx(0.75)
    assert answer["model"] == {"version": "3", "contract": HASH}


@pytest.mark.parametrize("accept", [JSON, CSV, LINES])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, '{"instances": [[1, 0, 0], [-2, 0, 0]]}'),
        (f"{JSON}; charset=utf-8", "[[1, 0, 0], [-2, 0, 0]]"),
        (
            f"{JSON};charset=UTF-8",
            f'{{"contract": "{HASH}", "instances": [[1, 0, 0], {{"data": [-2, 0, 0]}}]}}',
        ),
        (CSV, "1,0,0\n-2,0,0\n"),
        (f"{CSV}; charset=utf-8", "1,0,0\r\n-2,0,0"),
        (LINES, '[1, 0, 0]\n{"data": [-2, 0, 0]}\n'),
    ],
)
def test_every_content_type_is_answered_in_every_accepted_one(
    container: Container, content_type: str, body: str, accept: str
) -> None:
    status, media_type, text = container.invoke(body, content_type, accept)
    assert status == 200
    assert media_type.partition(";")[0] == accept
    assert answered(text, accept) == pytest.approx([0.75, 0.1])


def test_one_line_of_csv_is_one_company(container: Container) -> None:
    status, _, text = container.invoke("1,0,0", CSV, CSV)
    assert status == 200
    assert answered(text, CSV) == pytest.approx([0.75])


class Executed:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def pickled_array(path: Path) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([Executed(path)], dtype=object), allow_pickle=True)
    return content.getvalue()


def test_arrays_that_would_execute_code_are_rejected_unread(container: Container, tmp_path: Path) -> None:
    # GIVEN a body whose code AWS's default handler would execute
    body = pickled_array(tmp_path / "executed")
    np.load(io.BytesIO(body), allow_pickle=True)
    (tmp_path / "executed").unlink()
    # WHEN it is sent
    status, media_type, _ = container.invoke(body, "application/x-npy")
    # THEN it is rejected, and nothing was executed
    assert (status, media_type) == (415, JSON)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-recordio-protobuf"])
def test_other_content_types_get_415(container: Container, content_type: str) -> None:
    status, media_type, text = container.invoke("1,0,0", content_type)
    assert (status, media_type) == (415, JSON)
    assert json.loads(text)["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize("accept", ["application/x-npy", "text/html"])
def test_other_accepted_types_get_415(container: Container, accept: str) -> None:
    status, media_type, text = container.invoke(ONE, JSON, accept)
    assert (status, media_type) == (415, JSON)
    assert json.loads(text)["error"]["code"] == "unsupported_media_type"


BAD = [
    (JSON, b""),
    (JSON, b"{"),
    (JSON, b"\xff\xfe"),
    (f"{JSON}; charset=utf-8", b"\xff\xfe"),
    (JSON, b"[" * 100_000),
    (JSON, b"null"),
    (JSON, b"3"),
    (JSON, b"[]"),
    (JSON, b"[1, 2, 3]"),
    (JSON, b"{}"),
    (JSON, b'{"data": [1, 0]}'),
    (JSON, b'{"data": [1, 0, NaN]}'),
    (JSON, b'{"data": [1, 0, 1e999]}'),
    (JSON, b'{"data": [1, 0, "x"]}'),
    (JSON, b'{"data": [1, 0, [2]]}'),
    (JSON, b'{"data": "text"}'),
    (JSON, b'{"data": [1, 0, 0], "data": [1, 0, 0]}'),
    (JSON, b'{"features": {"unknown": 1}}'),
    (JSON, b'{"instances": {"data": [1, 0, 0]}}'),
    (JSON, b'{"instances": [[1, 0, 0], null]}'),
    (JSON, b'{"data": [1, 0, 0], "contract": 5}'),
    (JSON, b'{"data": [1, 0, 0], "contract": "0123456789abcdef"}'),
    (CSV, b""),
    (CSV, b"\xff,0,0"),
    (CSV, b"1,0"),
    (CSV, b"1,0,x"),
    (CSV, b'1,0,"'),
    (CSV, b"Debt ratio %,Cash flow per share,ROA(A)\n1,0,0"),
    (LINES, b""),
    (LINES, b"[1, 0, 0]\n{"),
    (LINES, b"[1, 0, 0]\n\n[1, 0, 0]"),
]


@pytest.mark.parametrize(("content_type", "body"), BAD)
def test_invalid_input_gets_4xx_as_json(container: Container, content_type: str, body: bytes) -> None:
    status, media_type, text = container.invoke(body, content_type)
    assert status in (400, 409, 422)
    assert media_type == JSON
    assert json.loads(text)["error"]["message"]


def test_execution_parameters_configure_batch_transform(container: Container) -> None:
    status, _, text = container.ask("GET", "/execution-parameters")
    parameters = json.loads(text)
    assert (status, parameters["BatchStrategy"]) == (200, "MULTI_RECORD")
    assert parameters["MaxPayloadInMB"] * parameters["MaxConcurrentTransforms"] <= 100


def test_nothing_is_written_to_the_model_folder(
    container: Container, model: Path, packed: dict[str, bytes]
) -> None:
    assert container.invoke(ONE, JSON)[0] == 200
    assert contents(model) == packed


def test_a_second_model_is_served_by_its_own_code(slow: Container) -> None:
    # GIVEN an environment in which an earlier model's serve.py and inference/ are installed
    assert (next((TOOLKIT / "lib").iterdir()) / "site-packages" / "serve.py").exists()
    # THEN the code of the second model answers
    assert json.loads(slow.ask("GET", "/execution-parameters")[2]) == {"MaxPayloadInMB": 2}


def test_ping_is_answered_while_a_large_batch_runs(slow: Container) -> None:
    # GIVEN one worker that is busy with thousands of companies
    answers: list[tuple[int, str, str]] = []
    batch = threading.Thread(target=lambda: answers.append(slow.invoke("1,2,3\n" * 6000, CSV, CSV)))
    batch.start()
    # WHEN its health is checked until the batch is done
    pings_during_batch = 0
    while batch.is_alive():
        assert slow.ask("GET", "/ping")[0] == 200
        pings_during_batch += batch.is_alive()
    # THEN it answered during the batch, and the batch is complete
    assert pings_during_batch >= 3
    assert (answers[0][0], answers[0][2].count("\n")) == (200, 6000)


def test_a_model_that_cannot_be_loaded_is_not_healthy(model: Path, tmp_path: Path) -> None:
    # GIVEN a model whose arrays are truncated
    shutil.copytree(model, tmp_path / "model")
    arrays = tmp_path / "model" / "model.npz"
    arrays.write_bytes(arrays.read_bytes()[:100])
    broken = Container(tmp_path)
    try:
        # WHEN it has started, THEN its health check fails, and the log names the reason
        while broken.process.poll() is None and "Booting worker" not in broken.log.read_text():
            time.sleep(0.1)
        assert broken.ask("GET", "/ping")[0] == 500
        assert "damaged or belongs to another model" in broken.log.read_text()
    finally:
        broken.stop()


def test_a_model_that_answers_differently_from_the_evaluated_one_is_not_healthy(
    model: Path, tmp_path: Path
) -> None:
    # GIVEN a model that states another answer for its known company
    shutil.copytree(model, tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    description = json.loads(path.read_text())
    description["contract"]["smoke_test"] = {"features": [1.0, 0.0, 0.0], "probability": 0.7}
    path.write_text(json.dumps(description))
    broken = Container(tmp_path)
    try:
        # WHEN it has started, THEN its health check fails, and the log names the reason
        while broken.process.poll() is None and "Booting worker" not in broken.log.read_text():
            time.sleep(0.1)
        assert broken.ask("GET", "/ping")[0] == 500
        assert "gives its known company the probability 0.75" in broken.log.read_text()
    finally:
        broken.stop()


def test_a_running_request_finishes_after_sigterm(slow: Container) -> None:
    # GIVEN a running request for thousands of companies
    answers: list[tuple[int, str, str]] = []
    batch = threading.Thread(target=lambda: answers.append(slow.invoke("1,2,3\n" * 6000, CSV, CSV)))
    batch.start()
    assert slow.ask("GET", "/ping")[0] == 200
    # WHEN the platform stops the container
    os.kill(slow.process.pid, signal.SIGTERM)
    batch.join()
    # THEN the request is answered, and the container exits
    assert (answers[0][0], answers[0][2].count("\n")) == (200, 6000)
    slow.process.wait(30)
