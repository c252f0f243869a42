"""Builds the pipeline definition: the steps, the gate and the registration of the model, as JSON."""

from collections.abc import Mapping
from typing import Any

from pipeline.bundles import STEP_MODULES
from pipeline.jobs import Jobs, bucket_uri, output_uri, require_code, run_uri, sklearn_image, step_retries
from pipeline.model_card import model_card
from pipeline.parameters import Parameters
from pipeline.project import Project
from pipeline.sdk import definition_json, offline_session

_CONTENT_TYPES = ["application/json", "text/csv", "application/jsonlines"]
_ENDPOINT_INSTANCES = ["ml.t2.medium", "ml.m5.large", "ml.m5.xlarge", "ml.c5.large", "ml.c5.xlarge"]
_EVALUATION = "evaluation.json"
_TRANSFORM_INSTANCES = ["ml.m5.large", "ml.m5.xlarge"]
# The serving stack starts a worker for each core, so more threads in numpy would slow them down.
_SERVING = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "SAGEMAKER_PROGRAM": "serve.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}


def build_definition(
    project: Project,
    job_role_arn: str,
    code_uris: Mapping[str, str],
    commit: str,
    *,
    automatic_approval: bool = False,
) -> str:
    """Return the pipeline definition as JSON; equal arguments give equal bytes.

    This needs no network and no credentials.

    Parameters
    ----------
    project
        Names, account and region.
    job_role_arn
        The role of the jobs.
    code_uris
        The URI of each step's bundle, from ``bundles.upload_bundles``.
    commit
        The commit of the code, which is noted on each model package.
    automatic_approval
        Whether executions can register a model as approved.

    Raises
    ------
    ValueError
        If a step has no code URI.
    """
    require_code(STEP_MODULES, code_uris)
    with offline_session(project.region, project.bucket) as session:
        jobs = Jobs(session, project, job_role_arn, sklearn_image(project.region), code_uris, commit)
        parameters = Parameters(automatic_approval=automatic_approval)
        return definition_json(session, project.pipeline, parameters.all(), _steps(jobs, parameters))


def _steps(jobs: Jobs, parameters: Parameters) -> list[Any]:
    seed = parameters.random_seed.to_string()
    select_features = jobs.processing_step(
        "SelectFeatures",
        description="Checks the data, splits off the test companies and selects each candidate's features",
        inputs={"data": parameters.input_data_uri},
        outputs={
            name: run_uri(jobs.project, "SelectFeatures", name) for name in ("train", "test", "features")
        },
        arguments={"--feature-count": parameters.feature_count.to_string(), "--random-seed": seed},
        instance_type=parameters.processing_instance_type,
    )
    train, test, features = (output_uri(select_features, name) for name in ("train", "test", "features"))
    resample = jobs.processing_step(
        "Resample",
        description="Balances the classes of the training companies",
        inputs={"train": train, "features": features},
        outputs={"resampled": run_uri(jobs.project, "Resample", "resampled")},
        arguments={"--resampler": parameters.resampler, "--random-seed": seed},
        instance_type=parameters.processing_instance_type,
    )
    baseline = jobs.training_step(
        "TrainBaseline",
        description="Fits the baseline recipe",
        channels={"train": train, "resampled": output_uri(resample, "resampled"), "features": features},
        hyperparameters={"random-seed": seed},
        instance_type=parameters.training_instance_type,
    )
    recommended = jobs.training_step(
        "TrainRecommended",
        description="Fits the recommended estimator",
        channels={"train": train, "features": features},
        hyperparameters={"estimator": parameters.estimator, "random-seed": seed},
        instance_type=parameters.training_instance_type,
    )
    report = _report()
    evaluate = _evaluate(
        jobs,
        parameters,
        inputs={
            "baseline": baseline.properties.ModelArtifacts.S3ModelArtifacts,
            "recommended": recommended.properties.ModelArtifacts.S3ModelArtifacts,
            "test": test,
            "features": features,
            "champion": f"s3://{jobs.project.bucket}/champion/",
        },
        report=report,
    )
    gate = _gate(jobs, parameters, evaluate, report)
    return [select_features, resample, baseline, recommended, evaluate, gate]


def _report() -> Any:
    from sagemaker.core.workflow.properties import PropertyFile

    return PropertyFile(name="EvaluationReport", output_name="evaluation", path=_EVALUATION)


def _evaluate(jobs: Jobs, parameters: Parameters, inputs: Mapping[str, Any], report: Any) -> Any:
    from sagemaker.core.workflow.execution_variables import ExecutionVariables

    return jobs.processing_step(
        "Evaluate",
        description="Selects a candidate, judges it on the test companies and compares it with the champion",
        inputs=inputs,
        # In models/ because runs/ expires, but a registered version refers to its model and evaluation for as
        # long as it exists.
        outputs={
            "evaluation": bucket_uri(jobs.project, "models", "evaluation"),
            "model": bucket_uri(jobs.project, "models"),
        },
        arguments={
            "--register-candidate": parameters.register_candidate,
            "--random-seed": parameters.random_seed.to_string(),
            "--min-roc-auc": parameters.min_roc_auc.to_string(),
            "--compare-with-champion": parameters.compare_with_champion,
            "--execution-id": ExecutionVariables.PIPELINE_EXECUTION_ID,
        },
        instance_type=parameters.processing_instance_type,
        # The champion changes, but its URI does not, so a cached result could be outdated.
        cached=False,
        property_files=[report],
    )


def _gate(jobs: Jobs, parameters: Parameters, evaluate: Any, report: Any) -> Any:
    from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
    from sagemaker.core.workflow.functions import Join, JsonGet
    from sagemaker.mlops.workflow.condition_step import ConditionStep
    from sagemaker.mlops.workflow.fail_step import FailStep

    def evaluated(path: str) -> Any:
        # JsonGet is not only for conditions: it passes a value to any later step ("Pipeline Functions" in
        # https://sagemaker.readthedocs.io/en/v2/amazon_sagemaker_model_building_pipeline.html).
        return JsonGet(step_name=evaluate.name, property_file=report, json_path=path)

    folder = output_uri(evaluate, "evaluation")
    # The documentation does not list JsonGet among the functions that a message can use.
    rejected = FailStep(
        "ModelRejected",
        description="Reports why no model was registered",
        error_message=Join(
            on="",
            values=[
                "The model did not pass the gate (MinRocAuc: ",
                parameters.min_roc_auc,
                "). The report gives the reason: ",
                folder,
                "/report.html",
            ],
        ),
    )
    return ConditionStep(
        "CheckRocAuc",
        description="Passes a model that is good enough and not significantly worse than the champion",
        conditions=[
            ConditionGreaterThanOrEqualTo(left=evaluated("gate.roc_auc"), right=parameters.min_roc_auc),
            ConditionGreaterThanOrEqualTo(
                left=evaluated("gate.out_of_fold_roc_auc"), right=parameters.min_roc_auc
            ),
            ConditionGreaterThanOrEqualTo(left=evaluated("gate.not_worse_than_champion"), right=1),
        ],
        if_steps=[_register(jobs, parameters, output_uri(evaluate, "model"), folder, evaluated)],
        else_steps=[rejected],
    )


def _register(jobs: Jobs, parameters: Parameters, model_uri: Any, folder: Any, evaluated: Any) -> Any:
    from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.serve.model_builder import ModelBuilder

    # Without `source_code`, because the SDK would add a training step outside the gate to repack the model.
    builder = ModelBuilder(
        s3_model_data_url=Join(on="/", values=[model_uri, "model.tar.gz"]),
        image_uri=jobs.image,
        role_arn=jobs.role_arn,
        env_vars=_SERVING,
        sagemaker_session=jobs.session,
    )
    evaluation_uri = Join(on="/", values=[folder, _EVALUATION])
    statistics = MetricsSource(content_type="application/json", s3_uri=evaluation_uri)
    step_args = builder.register(
        model_package_group_name=jobs.project.model_package_group,
        description="Bankruptcy risk of companies from their financial ratios",
        approval_status=parameters.model_approval_status,
        model_metrics=ModelMetrics(model_statistics=statistics),
        model_card=model_card(),
        content_types=_CONTENT_TYPES,
        response_types=_CONTENT_TYPES,
        inference_instances=_ENDPOINT_INSTANCES,
        transform_instances=_TRANSFORM_INSTANCES,
        domain="MACHINE_LEARNING",
        task="CLASSIFICATION",
        # Values must be strings of at most 256 characters without commas; Join turns a number into a string.
        customer_metadata_properties={
            "ArchiveSha256": evaluated("selected.archive_sha256"),
            "ContractHash": evaluated("selected.contract"),
            "ContractUri": Join(on="/", values=[model_uri, "contract.json"]),
            "Candidate": evaluated("selected.candidate"),
            "Estimator": evaluated("selected.estimator"),
            "RocAuc": Join(on="", values=[evaluated("gate.roc_auc")]),
            "Commit": jobs.commit,
            "ExecutionId": ExecutionVariables.PIPELINE_EXECUTION_ID,
            "EvaluationUri": evaluation_uri,
            "ReportUri": Join(on="/", values=[folder, "report.html"]),
        },
    )
    return ModelStep("RegisterModel", step_args=step_args, retry_policies=step_retries())
