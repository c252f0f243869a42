"""Builds processing and training steps with a common image, role, isolation, caching and retry policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.bundles import ENTRY_POINT
from pipeline.project import Project

SKLEARN_IMAGE = "1.9-0"
_PROCESSING = "/opt/ml/processing"
_TRAINING_CODE = "/opt/ml/input/data/code"
_VOLUME_GB = 10
_MAX_SECONDS = 2 * 60 * 60
# Shorter than the 60 days after which runs/ expires, so the outputs of a cached step always exist.
_CACHE_FOR = "30d"
# One thread, because the order in which threads add floats would change the results.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def sklearn_image(region: str) -> str:
    """Return the URI of the scikit-learn image of the jobs and the endpoint."""
    from sagemaker.core import image_uris

    uri: str = image_uris.retrieve(
        "sklearn",
        region,
        version=SKLEARN_IMAGE,
        py_version="py3",
        instance_type="ml.m5.large",
        image_scope="training",
    )
    return uri


def image_account(region: str) -> str:
    """Return the AWS account that owns the scikit-learn image in a region."""
    return sklearn_image(region).partition(".")[0]


def step_retries() -> list[Any]:
    """Return the retry policy for throttled requests and service faults."""
    from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy

    transient = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(exception_types=transient, interval_seconds=10, backoff_rate=2.0, max_attempts=5)]


def job_retries() -> list[Any]:
    """Return the retry policies of a job: those of a step, and one for capacity and internal errors."""
    from sagemaker.mlops.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy

    transient = [SageMakerJobExceptionTypeEnum.CAPACITY_ERROR, SageMakerJobExceptionTypeEnum.INTERNAL_ERROR]
    policy = SageMakerJobStepRetryPolicy(
        exception_types=transient, interval_seconds=60, backoff_rate=2.0, expire_after_mins=120
    )
    return [*step_retries(), policy]


@dataclass(frozen=True)
class ListedInput:
    """Objects that a manifest lists; each instance gets its share of them."""

    manifest_uri: Any


@dataclass(frozen=True)
class Jobs:
    """Builds the steps that run jobs.

    Parameters
    ----------
    session
        A ``PipelineSession``.
    project, role_arn, image
        The project, the role of the jobs, and their image.
    code_uris
        The URI of each step's bundle.
    commit
        The commit of the code.
    """

    session: Any
    project: Project
    role_arn: str
    image: str
    code_uris: Mapping[str, str]
    commit: str

    def processing_step(
        self,
        name: str,
        *,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        arguments: Mapping[str, Any],
        instance_type: Any,
        description: str,
        cached: bool = True,
        instance_count: Any = 1,
        property_files: list[Any] | None = None,
    ) -> Any:
        """Return a processing step.

        Parameters
        ----------
        inputs
            S3 URI by name, or a `ListedInput`; in the container it is ``/opt/ml/processing/input/<name>``.
        outputs
            S3 URI by name for ``/opt/ml/processing/output/<name>`` in the container.
        arguments
            Values by option, such as ``--random-seed``.
        """
        from sagemaker.core.network import NetworkConfig
        from sagemaker.core.processing import Processor
        from sagemaker.mlops.workflow.steps import ProcessingStep

        processor = Processor(
            image_uri=self.image,
            entrypoint=["python3", f"{_PROCESSING}/input/code/{ENTRY_POINT}"],
            role=self.role_arn,
            instance_type=instance_type,
            instance_count=instance_count,
            volume_size_in_gb=_VOLUME_GB,
            max_runtime_in_seconds=_MAX_SECONDS,
            env=self._environment(name),
            network_config=NetworkConfig(enable_network_isolation=True),
            tags=[{"Key": "Project", "Value": self.project.name}],
            sagemaker_session=self.session,
        )
        step_args = processor.run(
            inputs=[_processing_input(*item) for item in {"code": self.code_uris[name], **inputs}.items()],
            outputs=[_processing_output(*item) for item in outputs.items()],
            arguments=[part for option, value in arguments.items() for part in (option, value)],
        )
        return ProcessingStep(
            name,
            step_args=step_args,
            description=description,
            cache_config=_cache(cached),
            retry_policies=job_retries(),
            property_files=property_files or [],
        )

    def training_step(
        self,
        name: str,
        *,
        channels: Mapping[str, Any],
        hyperparameters: Mapping[str, Any],
        instance_type: Any,
        description: str,
    ) -> Any:
        """Return a training step.

        Parameters
        ----------
        channels
            S3 URI by name; in the container it is ``/opt/ml/input/data/<name>``.
        hyperparameters
            Strings by name; the container passes them to the step as options.
        """
        from sagemaker.core.shapes import OutputDataConfig, StoppingCondition, Tag
        from sagemaker.core.training.configs import Compute, InputData, Networking
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.model_trainer import ModelTrainer

        # Without `source_code`, because the SDK would upload it to a path with the build time, so no step
        # would ever be cached. Instead, the image's script mode reads the code from a channel.
        script = {"sagemaker_program": ENTRY_POINT, "sagemaker_submit_directory": _TRAINING_CODE}
        trainer = ModelTrainer(
            training_image=self.image,
            role=self.role_arn,
            compute=Compute(instance_type=instance_type, instance_count=1, volume_size_in_gb=_VOLUME_GB),
            stopping_condition=StoppingCondition(max_runtime_in_seconds=_MAX_SECONDS),
            output_data_config=OutputDataConfig(s3_output_path=run_uri(self.project, name)),
            input_data_config=[
                InputData(channel_name=channel, data_source=uri)
                for channel, uri in {"code": self.code_uris[name], **channels}.items()
            ],
            hyperparameters={**script, **hyperparameters},
            environment=self._environment(name),
            networking=Networking(enable_network_isolation=True),
            tags=[Tag(key="Project", value=self.project.name)],
            sagemaker_session=self.session,
        )
        return TrainingStep(
            name,
            step_args=trainer.train(),
            description=description,
            cache_config=_cache(True),
            retry_policies=job_retries(),
        )

    def _environment(self, name: str) -> dict[str, str]:
        # The bundle's sha256, which is its folder's name. The step records it as provenance.
        return {**_ENVIRONMENT, "CODE_SHA256": self.code_uris[name].rstrip("/").rpartition("/")[2]}


def require_code(modules: Mapping[str, str], code_uris: Mapping[str, str]) -> None:
    """Raise a ValueError if a step has no code URI."""
    if missing := sorted(set(modules) - set(code_uris)):
        raise ValueError(f"No code URI for {', '.join(missing)}; every step needs one: {', '.join(modules)}.")


def output_uri(step: Any, name: str) -> Any:
    """Return the URI of a processing step's output."""
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def run_uri(project: Project, *parts: str) -> Any:
    """Return the URI of an execution's temporary files.

    The execution's id in an output's URI does not prevent caching, because only inputs are in the cache key.
    For Processing: AppSpecification, Environment, ProcessingInputs; for Training: AlgorithmSpecification,
    CheckpointConfig, DebugHookConfig, DebugRuleConfigurations, Environment, HyperParameters, InputDataConfig
    (https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html). A cached step returns the
    URIs of the execution in which it ran, so the next steps have the same inputs and are cached too.
    """
    return bucket_uri(project, "runs", *parts)


def bucket_uri(project: Project, folder: str, *parts: str) -> Any:
    """Return ``s3://<bucket>/<folder>/<execution id>/<parts>``."""
    from sagemaker.core.workflow.execution_variables import ExecutionVariables
    from sagemaker.core.workflow.functions import Join

    return Join(
        on="/", values=[f"s3://{project.bucket}/{folder}", ExecutionVariables.PIPELINE_EXECUTION_ID, *parts]
    )


def _cache(enabled: bool) -> Any:
    from sagemaker.mlops.workflow.steps import CacheConfig

    return CacheConfig(enable_caching=True, expire_after=_CACHE_FOR) if enabled else None


def _processing_input(name: str, source: Any) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    is_listed = isinstance(source, ListedInput)
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=source.manifest_uri if is_listed else source,
            local_path=f"{_PROCESSING}/input/{name}",
            s3_data_type="ManifestFile" if is_listed else "S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="ShardedByS3Key" if is_listed else "FullyReplicated",
        ),
    )


def _processing_output(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output

    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=uri, local_path=f"{_PROCESSING}/output/{name}", s3_upload_mode="EndOfJob"
        ),
    )
