"""Starts fifty executions at once, and measures the memory of local AWS: `make test-executions`.

SIZE sets the number of executions. Their jobs run in processes of their own, which are not measured.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from support.campaign import SEED, size
from support.local_aws.separate import separate_aws
from support.pipeline.executions import upload_frame

from benchmarks.common.processes import peak_mib
from pipeline.service import describe, start
from scripts.aws.session import Aws
from scripts.data.sample import generate

EXECUTIONS = size(50)
ROWS = 2400
QUICK = {"Resampler": "none", "Estimator": "logistic"}
SECONDS_EACH = 120  # on a busy machine
MOST_MIB = 2000


def test_executions_that_start_at_once_all_finish(tmp_path: Path) -> None:
    with separate_aws("crowd") as separate:
        aws = separate.aws
        data_uri = upload_frame(aws, generate(rows=ROWS, seed=SEED), tmp_path / "companies.csv")
        started = time.monotonic()
        # Each with a seed of its own, so that no step is taken from the cache.
        seeds = [str(SEED % 10_000 + number) for number in range(EXECUTIONS)]
        arns = [start_one(aws, InputDataUri=data_uri, RandomSeed=seed) for seed in seeds]
        ended = wait_for(aws, arns)
        seconds = time.monotonic() - started
        peak = peak_mib(separate.server)
    sys.stderr.write(f"\n{EXECUTIONS} executions in {seconds:.0f} s: {dict(ended)}; at most {peak} MiB\n")
    # The gate can reject a quick model of so few companies; nothing else can fail.
    assert ended.keys() <= {"Succeeded", "Failed: ModelRejected"}
    assert peak < MOST_MIB


def start_one(aws: Aws, **parameters: str) -> str:
    return start(aws.client("sagemaker"), aws.project, {**QUICK, **parameters})


def wait_for(aws: Aws, arns: list[str]) -> Counter[str]:
    """Return how many executions ended in which way, with the step at which they failed."""
    sagemaker = aws.client("sagemaker")
    deadline = time.monotonic() + len(arns) * SECONDS_EACH
    outcomes: Counter[str] = Counter()
    for arn in arns:
        while not (execution := describe(sagemaker, arn)).ended:
            assert time.monotonic() < deadline, f"{arn} is still {execution.status}"
            time.sleep(0.5)
        failed = [step.name for step in execution.steps if step.status == "Failed"]
        outcomes[": ".join([execution.status, *failed])] += 1
    return outcomes
