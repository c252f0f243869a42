"""How long each step of a pipeline usually takes, from earlier executions."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from scripts.aws.session import Aws

SEARCHED = 10


def usual_seconds(aws: Aws, arn: str) -> dict[str, float]:
    """Return the median duration of each step in the newest executions, in seconds by the step's name.

    Steps that failed or came from the cache do not count. Steps without an earlier duration are missing.

    Parameters
    ----------
    arn
        The ARN of an execution of the pipeline; it does not count itself.
    """
    from pipeline.service import list_executions, read_steps

    sagemaker = aws.client("sagemaker")
    # Its ARN ends in pipeline/<name>/execution/<id>.
    pipeline = arn.split("/")[1]
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for execution in list_executions(sagemaker, pipeline, SEARCHED):
        if execution.arn == arn:
            continue
        for step in read_steps(sagemaker, execution.arn):
            if step.status == "Succeeded" and not step.cached and step.start and step.end:
                seconds[step.name].append((step.end - step.start).total_seconds())
    return {name: median(values) for name, values in seconds.items()}
