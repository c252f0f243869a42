"""Clients while a model replaces another: what they are answered, and by which one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.models.small import register, register_folder, write_small_model
from typer.testing import CliRunner

from inference.artifact import Model
from scripts.aws.session import Aws
from scripts.cli import app
from scripts.deploy.waiting import Waiting
from scripts.errors import ScriptError
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.operate.rollback import Rollback, plan_rollback
from scripts.predict.client import ApiClient, client_of

NAMES = [f"ratio {number}" for number in range(8)]
REQUESTS = 2000
CLIENTS = 4
PATIENCE = Waiting(timeout=120)


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """The models by version."""
    return {}


@pytest.fixture(scope="module")
def client(aws: Aws, models: dict[str, Model], tmp_path_factory: Any) -> Iterator[ApiClient]:
    """A client of the API, with version 1 in service."""
    version, models["1"] = register(aws, tmp_path_factory.mktemp("first"), NAMES, seed=1)
    approve(aws, version)
    wait_until_served(aws, int(version), PATIENCE)
    return client_of(aws)


def approve(aws: Aws, version: str) -> None:
    set_approval(aws, find_version(aws, int(version)), "Approved")


def answers_during(
    client: ApiClient, change: Callable[[], object], least: int = REQUESTS
) -> list[tuple[dict[str, float], Any]]:
    """Send companies by name until `change` has returned, but at least `least`; return them with answers."""
    changed = threading.Event()
    begun = threading.Barrier(CLIENTS + 1)

    def send(seed: int) -> list[tuple[dict[str, float], Any]]:
        generator = np.random.default_rng(seed)
        answered = []
        while not changed.is_set() or len(answered) < least // CLIENTS:
            company = dict(zip(NAMES, generator.random(len(NAMES)).tolist(), strict=True))
            answered.append((company, client.predict({"features": company})))
            if len(answered) == 1:
                begun.wait(timeout=60)
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(send, seed) for seed in range(CLIENTS)]
        try:
            begun.wait(timeout=60)
            change()
        finally:
            changed.set()
    return [answer for each in running for answer in each.result()]


def check(answers: Sequence[tuple[dict[str, float], Any]], models: dict[str, Model]) -> set[str]:
    """Check each answer against the model that it names, and return the versions that answered."""
    for company, answer in answers:
        model = models[answer["model"]["version"]]
        expected = model.predict_proba(np.array([[company[name] for name in model.contract.names]]))[0]
        assert answer["probability"]["bankrupt"] == pytest.approx(expected, abs=1e-12)
        assert answer["model"]["contract"] == model.contract.hash
    return {answer["model"]["version"] for _, answer in answers}


def test_named_requests_are_answered_while_the_columns_change(
    aws: Aws, client: ApiClient, models: dict[str, Model], tmp_path: Path
) -> None:
    # GIVEN a model with the same columns in another order
    version, models["2"] = register(aws, tmp_path, NAMES[::-1], seed=2)

    # WHEN it replaces the champion, while clients send companies by name
    def replace() -> None:
        approve(aws, version)
        wait_until_served(aws, int(version), PATIENCE)

    answers = answers_during(client, replace)
    # THEN every request is answered, by the model that the answer names
    assert len(answers) >= REQUESTS
    assert check(answers, models) == {"1", "2"}


def test_a_model_that_answers_differently_never_gets_a_request(
    aws: Aws, client: ApiClient, models: dict[str, Model], tmp_path: Path
) -> None:
    # GIVEN an archive whose model does not give its known answer
    write_small_model(tmp_path, NAMES[::-1], seed=3)
    path = tmp_path / "model" / "model.json"
    description = json.loads(path.read_text())
    description["contract"]["smoke_test"]["probability"] += 1e-6
    path.write_text(json.dumps(description))
    version = register_folder(aws, tmp_path)

    # WHEN it is approved
    def attempt() -> None:
        approve(aws, version)
        with pytest.raises(ScriptError, match="did not pass the ping health check"):
            wait_until_served(aws, int(version), PATIENCE)

    champion = client.get("/model")["version"]
    answers = answers_during(client, attempt)
    # THEN the champion answers every request, and the reason is stored with the version
    assert check(answers, models) == {champion}


def test_a_rollback_returns_to_the_previous_version_without_a_gap(
    aws: Aws, client: ApiClient, models: dict[str, Model]
) -> None:
    # GIVEN a champion, an older approved version, and a newer one that was given up
    plan = plan_rollback(aws)
    assert plan == Rollback(rejected=2, version=1)
    # WHEN the champion is rolled back, while clients send companies by name
    command = ["--project", aws.project.name, "rollback", "--yes", "--note", "test"]
    answers = answers_during(client, lambda: CliRunner().invoke(app, command, catch_exceptions=False), 200)
    # THEN every request is answered, and the older version is the champion
    assert check(answers, models) == {"1", "2"}
    assert client.get("/model")["version"] == "1"
    package = find_version(aws, 2)
    assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == ("Rejected", "test")
    # AND nothing is left to roll back to
    with pytest.raises(ScriptError, match="No approved version would replace version 1"):
        plan_rollback(aws)
