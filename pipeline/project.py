"""The names of a project's resources, derived from its name, account and region."""

import re
from dataclasses import dataclass

# Names of SSM parameters such as `/<project>/paused` cannot begin with "aws" or "ssm".
_NAME = re.compile(r"(?!aws|ssm)[a-z][a-z0-9-]{1,22}[a-z0-9]")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


@dataclass(frozen=True)
class Project:
    """A deployment of this workflow in one account and region.

    Parameters
    ----------
    name
        3 to 24 lowercase letters, digits and hyphens; starts with a letter, but not with "aws" or "ssm", and
        does not end with a hyphen.
    account
        The 12 digits of the AWS account.
    region
        An AWS region, such as ``eu-west-1``.

    Raises
    ------
    ValueError
        If a part is invalid.
    """

    name: str
    account: str
    region: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name!r} is not a valid project name. Use 3 to 24 lowercase letters, digits and "
                "hyphens, with a letter first and no hyphen last, such as 'bankruptcy'. It must not begin "
                "with 'aws' or 'ssm', which AWS reserves."
            )
        if not _ACCOUNT.fullmatch(self.account):
            raise ValueError(
                f"{self.account!r} is not an AWS account id. Use its 12 digits, without hyphens."
            )
        if not _REGION.fullmatch(self.region):
            raise ValueError(f"{self.region!r} is not an AWS region. Use one such as 'eu-west-1'.")

    @property
    def bucket(self) -> str:
        """The bucket for data, code, models and runs."""
        return f"{self.name}-{self.account}-{self.region}"

    @property
    def model_package_group(self) -> str:
        """The model package group in which versions are registered."""
        return self.name

    @property
    def pipeline(self) -> str:
        """The SageMaker pipeline."""
        return self.name

    @property
    def monitoring_pipeline(self) -> str:
        """The SageMaker pipeline that monitors predictions."""
        return f"{self.name}-monitoring"

    def evaluation_uri(self, execution_id: str) -> str:
        """Return where an execution writes its evaluation.json; its report.html is in the same folder."""
        return f"s3://{self.bucket}/models/{execution_id}/evaluation/evaluation.json"

    @property
    def new_data_rule(self) -> str:
        """The EventBridge rule that starts executions on uploads; there is none if RetrainOn is nothing."""
        return f"{self.name}-new-data"

    @property
    def endpoint(self) -> str:
        """The SageMaker endpoint."""
        return self.name

    @property
    def storage_stack(self) -> str:
        """The CloudFormation stack of bucket and model package group, which outlives the service."""
        return f"{self.name}-storage"

    @property
    def service_stack(self) -> str:
        """The CloudFormation stack of the service, which can be deleted without losing data."""
        return f"{self.name}-service"

    @property
    def predict_function(self) -> str:
        """The Lambda function behind the REST API."""
        return f"{self.name}-predict-api"

    @property
    def deploy_function(self) -> str:
        """The Lambda function that deploys approved models."""
        return f"{self.name}-deploy-model"

    @property
    def monitor_function(self) -> str:
        """The Lambda function that starts monitoring."""
        return f"{self.name}-watch-model"

    @property
    def notices_function(self) -> str:
        """The Lambda function that sends notices."""
        return f"{self.name}-send-notices"

    @property
    def watch_function(self) -> str:
        """The Lambda function that asks the REST API for a known answer."""
        return f"{self.name}-watch-api"
