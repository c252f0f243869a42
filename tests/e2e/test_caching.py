"""What runs again and what is taken from the cache (without resampling: the quicker execution)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from executions import run

from pipeline import bundles
from pipeline.definition import build_definition
from pipeline.service import Execution, upsert
from scripts.deployment import read_outputs
from scripts.session import Aws

ROOT = Path(bundles.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def first(aws: Aws, data_uri: str) -> Execution:
    execution = run(aws, InputDataUri=data_uri, Resampler="none")
    assert execution.status == "Succeeded"
    return execution


def test_unchanged_inputs_rerun_nothing_but_evaluate(aws: Aws, data_uri: str, first: Execution) -> None:
    assert not cached_steps(first)
    again = run(aws, InputDataUri=data_uri, Resampler="none")
    assert again.status == "Succeeded"
    assert cached_steps(again) == {"SelectFeatures", "Resample", "TrainPublished", "TrainRecommended"}


def test_changed_code_reruns_its_step_and_those_after_it(
    aws: Aws, data_uri: str, first: Execution, tmp_path: Path
) -> None:
    # GIVEN the repository with one module of one step changed
    for folder in ("steps", "inference"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "steps" / "resample.py").open("a", encoding="utf-8") as module:
        module.write("\n# changed\n")
    # WHEN that is published and run
    outputs = read_outputs(aws.client("cloudformation"), aws.project)
    uris = bundles.upload_bundles(
        aws.client("s3"), outputs.bucket_name, bundles.build_bundles(source=tmp_path)
    )
    definition = build_definition(aws.project, outputs.job_role_arn, uris)
    change = upsert(aws.client("sagemaker"), aws.project, definition, outputs.pipeline_role_arn, {})
    changed = run(aws, InputDataUri=data_uri, Resampler="none")
    # THEN what does not stand behind it comes from the cache
    assert change == "updated"
    assert changed.status == "Succeeded"
    assert cached_steps(changed) == {"SelectFeatures", "TrainRecommended"}


def cached_steps(execution: Execution) -> set[str]:
    """Return the names of the steps whose outputs are an earlier execution's."""
    return {step.name for step in execution.steps if step.cached}
