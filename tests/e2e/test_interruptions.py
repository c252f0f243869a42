"""Signals end `bankruptcy score` without leaving processes, folders or half a result."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.deployment.ended_command import EndedCommand
from support.local_aws.cloud import eventually
from support.local_aws.separate import write_portfolio
from support.models.small import register

from scripts.aws.files import list_objects
from scripts.aws.session import Aws
from scripts.model.approval import find_version, set_approval

FEATURES = [f"ratio {number}" for number in range(20)]


@pytest.fixture(scope="module")
def portfolio(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portfolio for a version that is registered and approved."""
    folder = tmp_path_factory.mktemp("portfolio")
    version, _ = register(aws, folder, FEATURES, seed=0)
    set_approval(aws, find_version(aws, int(version)), "Approved")
    path = folder / "portfolio.csv"
    write_portfolio(path, FEATURES, companies=20_000, seed=0)
    return path


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_ended_score_leaves_nothing(aws: Aws, portfolio: Path, tmp_path: Path, number: int) -> None:
    target = tmp_path / "work" / "result.csv"
    command = EndedCommand(tmp_path, "score", str(portfolio), str(target))
    project = {"BANKRUPTCY_PROJECT": aws.project.name}
    sagemaker = aws.client("sagemaker")
    earlier = len(sagemaker.list_transform_jobs()["TransformJobSummaries"])

    def job_runs() -> None:
        eventually(lambda: len(sagemaker.list_transform_jobs()["TransformJobSummaries"]) > earlier)

    code = command.end(number, job_runs, **project)

    assert code == (-number if number == signal.SIGKILL else 130)
    assert not target.exists()
    if number != signal.SIGKILL:
        jobs = sagemaker.list_transform_jobs()["TransformJobSummaries"]
        assert jobs[0]["TransformJobStatus"] == "Stopped"
        prefix = f"runs/score/{jobs[0]['TransformJobName']}/"
        assert list(list_objects(aws, prefix)) == []
    # What a kill leaves is removed by the next start.
    command.run(**project)
    command.check_folders()
    assert len(target.read_text().splitlines()) == 20_001
