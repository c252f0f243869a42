"""Runs the REST API on local AWS, with a model that is trained here instead of by an execution."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.models.small import register_folder

from local_aws.server import LocalAws
from scripts.aws.session import connect, use_local_aws
from scripts.data.sample import csv_bytes
from scripts.deploy.deployment import deploy
from scripts.deploy.waiting import Waiting
from scripts.model.approval import find_version, set_approval, wait_until_served
from scripts.predict.client import ApiClient, client_of
from steps import select_features, train_recommended

ESTIMATOR = "logistic"


@contextmanager
def served_api() -> Iterator[ApiClient]:
    """Run the API on a free port, and yield a client with its URL and key."""
    with LocalAws() as server, tempfile.TemporaryDirectory() as folder:
        _train(Path(folder))
        use_local_aws(server.url, server.region)
        aws = connect("bankruptcy-api")
        deploy(aws, confirm=lambda _: True)
        version = register_folder(aws, Path(folder))
        set_approval(aws, find_version(aws, int(version)), "Approved")
        wait_until_served(aws, int(version), Waiting(timeout=60))
        yield client_of(aws)


def _train(root: Path) -> None:
    """Train a model into the folder `model`."""
    folders = {name: root / name for name in ("data", "train", "test", "features")}
    options = {name: [f"--{name}", str(folder)] for name, folder in folders.items()}
    folders["data"].mkdir()
    (folders["data"] / "companies.csv").write_bytes(csv_bytes(rows=2400, seed=1))
    select_features.main([*options["data"], *options["train"], *options["test"], *options["features"]])
    into = ["--model-dir", str(root / "model"), "--estimator", ESTIMATOR]
    train_recommended.main([*options["train"], *options["features"], *into])
