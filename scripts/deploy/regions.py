"""Checks that a region supports all resources of the templates, before the first stack is created."""

from scripts.aws.stacks import DeploymentError

# When the tables were last compared with their sources: the SageMaker SDK's table of images, and
# cfn-lint's table of CloudFormation resources per region.
AS_OF = "2026-11-29"
SUPPORTED = (
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
# Instances of the family ml.t2 exist only in regions that are older than its successors.
_WITH_T2 = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)


def check_region(region: str) -> None:
    """Raise DeploymentError if a region lacks the jobs' image or a resource type of the templates."""
    if region not in SUPPORTED:
        raise DeploymentError(
            f"The service can't be deployed in {region}: as of {AS_OF}, it lacks the scikit-learn image or "
            "AWS::SageMaker::ModelPackageGroup.",
            f"Choose another with --region. Supported regions: {', '.join(SUPPORTED)}.",
        )


def default_instance_type(region: str) -> str:
    """Return the cheapest instance type that an endpoint can have in a region."""
    return "ml.t2.medium" if region in _WITH_T2 else "ml.m5.large"


def check_instance_type(region: str, instance_type: str) -> None:
    """Raise DeploymentError if a region lacks an ml.t2 instance type; SageMaker checks other types."""
    if instance_type.startswith("ml.t2.") and region not in _WITH_T2:
        raise DeploymentError(
            f"InstanceType is {instance_type}, but {region} has no instances of the family ml.t2.",
            "Choose another with `-p InstanceType=ml.m5.large`.",
        )
