"""How the pipeline runs a job: image, role, code, isolation, caching and retries, the same for every step."""

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
# Files under runs/ expire after 60 days, so what a cached step points to is always still there.
_CACHE_FOR = "30d"
# The same numbers on any machine: threads would add up floats in another order.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def sklearn_image(region: str) -> str:
    """Return the URI of the scikit-learn image that jobs and endpoint run on."""
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


def step_retries() -> list[Any]:
    """Return the retry policy for requests that SageMaker throttles or fails to serve."""
    from sagemaker.mlops.workflow.retry import StepExceptionTypeEnum, StepRetryPolicy

    passing = [StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING]
    return [StepRetryPolicy(exception_types=passing, interval_seconds=10, backoff_rate=2.0, max_attempts=5)]


def job_retries() -> list[Any]:
    """Return the retry policies of a job: those of a request, and one for a lack of instances."""
    from sagemaker.mlops.workflow.retry import SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy

    lacking = [SageMakerJobExceptionTypeEnum.CAPACITY_ERROR, SageMakerJobExceptionTypeEnum.INTERNAL_ERROR]
    policy = SageMakerJobStepRetryPolicy(
        exception_types=lacking, interval_seconds=60, backoff_rate=2.0, expire_after_mins=120
    )
    return [*step_retries(), policy]


@dataclass(frozen=True)
class Jobs:
    """Makes the steps that run our code.

    Parameters
    ----------
    session
        A ``PipelineSession``.
    project, role_arn, image
        Whose jobs they are, the role they run as, and in which image.
    code_uris
        Where each step's bundle lies.
    """

    session: Any
    project: Project
    role_arn: str
    image: str
    code_uris: Mapping[str, str]

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
        property_files: list[Any] | None = None,
    ) -> Any:
        """Return a processing step.

        Parameters
        ----------
        inputs
            S3 URI by name; the container finds it at ``/opt/ml/processing/input/<name>``.
        outputs
            S3 URI by name, for what the container leaves at ``/opt/ml/processing/output/<name>``.
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
            instance_count=1,
            volume_size_in_gb=_VOLUME_GB,
            max_runtime_in_seconds=_MAX_SECONDS,
            env=self._environment(name),
            network_config=NetworkConfig(enable_network_isolation=True),
            tags=[{"Key": "project", "Value": self.project.name}],
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
            S3 URI by name; the container finds it at ``/opt/ml/input/data/<name>``.
        hyperparameters
            Strings by name; the container passes each to the step as an option.
        """
        from sagemaker.core.shapes import OutputDataConfig, StoppingCondition, Tag
        from sagemaker.core.training.configs import Compute, InputData, Networking
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train.model_trainer import ModelTrainer

        # No `source_code`: the SDK would upload it under the time of the build, and no step were ever cached.
        # The image's own script mode takes the code from a channel instead.
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
            tags=[Tag(key="project", value=self.project.name)],
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
        # The bundle's sha256, which names its folder, for the step to write down what it ran.
        return {**_ENVIRONMENT, "CODE_SHA256": self.code_uris[name].rstrip("/").rpartition("/")[2]}


def run_uri(project: Project, *parts: str) -> Any:
    """Return the place of an execution's own files.

    The execution's id in an output's URI does not keep a step from being cached: the key is made of what goes
    in. For Processing: AppSpecification, Environment, ProcessingInputs; for Training: AlgorithmSpecification,
    CheckpointConfig, DebugHookConfig, DebugRuleConfigurations, Environment, HyperParameters, InputDataConfig
    (https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html). A cached step hands on the
    URIs of the execution it ran in, so the steps after it see the same inputs, and are cached too.
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


def _processing_input(name: str, uri: Any) -> Any:
    from sagemaker.core.shapes import ProcessingInput, ProcessingS3Input

    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=f"{_PROCESSING}/input/{name}",
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
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
