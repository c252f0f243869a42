"""The REST API on local AWS, with a model of sample data that is trained here rather than by an execution."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.small_models import register_folder

from local_aws.server import LocalAws
from scripts.aws.session import connect, use_local_aws
from scripts.commands.model import find, set_approval, wait_until_served
from scripts.data.sample import write_csv
from scripts.deploy.deployment import deploy
from scripts.predict.client import ApiClient, client_of
from steps import select_features, train_recommended

ESTIMATOR = "logistic"


@contextmanager
def served_api() -> Iterator[ApiClient]:
    """Serve the API on a free port; give a client that holds its URL and key."""
    with LocalAws() as server, tempfile.TemporaryDirectory() as folder:
        _train(Path(folder))
        use_local_aws(server.url, server.region)
        aws = connect("bankruptcy-api")
        deploy(aws.session, aws.project, confirm=lambda _: True)
        version, _ = register_folder(aws, Path(folder))
        set_approval(aws, find(aws, int(version)), "Approved", "")
        wait_until_served(aws, int(version), timeout=60)
        yield client_of(aws)


def _train(root: Path) -> None:
    """Leave a model in the folder `model`."""
    folders = {name: root / name for name in ("data", "train", "test", "features")}
    words = {name: [f"--{name}", str(folder)] for name, folder in folders.items()}
    folders["data"].mkdir()
    write_csv(folders["data"] / "companies.csv", rows=2400, seed=1)
    select_features.main([*words["data"], *words["train"], *words["test"], *words["features"]])
    into = ["--model-dir", str(root / "model"), "--estimator", ESTIMATOR]
    train_recommended.main([*words["train"], *words["features"], *into])
