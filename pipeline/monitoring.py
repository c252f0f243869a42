"""Builds the definition of the monitoring pipeline: summarize predictions, then judge them."""

from collections.abc import Mapping
from typing import Any

from pipeline.bundles import MONITORING_MODULES
from pipeline.jobs import Jobs, ListedInput, output_uri, require_code, run_uri, sklearn_image
from pipeline.parameters import INSTANCE_TYPES
from pipeline.project import Project
from pipeline.sdk import definition_json, offline_session

# Days within which a company goes bankrupt or does not; the UCI file looks one year ahead.
HORIZON_DAYS = 365
# For WindowStart and WindowEnd, since SageMaker has no optional parameters.
NO_LIMIT = "none"


def build_monitoring_definition(
    project: Project, job_role_arn: str, code_uris: Mapping[str, str], commit: str
) -> str:
    """Return the definition of the monitoring pipeline as JSON; equal arguments give equal bytes.

    Each execution has a folder, RunUri, with ``predictions.manifest`` and ``history.manifest``; its results
    are written there. This needs no network and no credentials.

    Parameters
    ----------
    project
        Names, account and region.
    job_role_arn
        The role of the jobs.
    code_uris
        The URI of each step's bundle.
    commit
        The commit of the code.

    Raises
    ------
    ValueError
        If a step has no code URI.
    """
    require_code(MONITORING_MODULES, code_uris)
    with offline_session(project.region, project.bucket) as session:
        from sagemaker.core.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString

        root = f"s3://{project.bucket}"
        jobs = Jobs(session, project, job_role_arn, sklearn_image(project.region), code_uris, commit)
        # No default: watch_model makes a folder for each execution.
        folder = ParameterString("RunUri")
        start = ParameterString("WindowStart", default_value=NO_LIMIT)
        end = ParameterString("WindowEnd", default_value=NO_LIMIT)
        instances = ParameterInteger("InstanceCount", default_value=1)
        instance_type = ParameterString(
            "InstanceType", default_value=INSTANCE_TYPES[0], enum_values=INSTANCE_TYPES
        )
        runs = ParameterFloat("RunsPerMonth", default_value=30.0)
        horizon = ParameterInteger("OutcomeHorizonDays", default_value=HORIZON_DAYS)
        seed = ParameterInteger("RandomSeed", default_value=42)
        summarize = jobs.processing_step(
            "SummarizePredictions",
            description="Counts the predictions of a window, each instance its share",
            inputs={
                "predictions": ListedInput(_below(folder, "predictions.manifest")),
                "history": ListedInput(_below(folder, "history.manifest")),
                "profiles": f"{root}/monitoring/profiles/",
                "outcomes": f"{root}/outcomes/",
            },
            outputs={"summaries": run_uri(project, "SummarizePredictions", "summaries")},
            arguments={"--start": start, "--end": end},
            instance_type=instance_type,
            instance_count=instances,
            cached=False,
        )
        judge = jobs.processing_step(
            "JudgePredictions",
            description="Compares predictions with training, and with outcomes",
            inputs={
                "summaries": output_uri(summarize, "summaries"),
                "profiles": f"{root}/monitoring/profiles/",
                "outcomes": f"{root}/outcomes/",
                "accepted": f"{root}/monitoring/accepted/",
                "previous": f"{root}/monitoring/latest/",
            },
            outputs={"monitoring": folder},
            arguments={
                "--runs-per-month": runs.to_string(),
                "--outcome-horizon-days": horizon.to_string(),
                "--random-seed": seed.to_string(),
            },
            instance_type=instance_type,
            cached=False,
        )
        parameters = [folder, start, end, instances, instance_type, runs, horizon, seed]
        return definition_json(session, project.monitoring_pipeline, parameters, [summarize, judge])


def _below(folder: Any, path: str) -> Any:
    from sagemaker.core.workflow.functions import Join

    return Join(on="/", values=[folder, path])
