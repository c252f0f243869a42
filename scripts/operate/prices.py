"""Estimates the cost of the endpoint, from AWS's Price List or else from a dated table."""

from dataclasses import dataclass

HOURS_PER_MONTH = 730  # as in AWS's own calculator
# When the table was last compared with its sources. Prices change; only AWS's page is binding.
AS_OF = "2026-11-23"
PAGE = "https://aws.amazon.com/sagemaker/pricing/"
SOURCE = (
    f"table of {AS_OF} from figures that AWS published (us-east-1: SageMaker Serverless Inference "
    "Benchmarking Toolkit and MLOps workshops; eu-west-1: bill in aws-samples/sagemaker-ssh-helper); "
    f"today's prices: {PAGE}"
)
LISTED = "AWS's Price List"
NOT_COUNTED = (
    "requests, jobs of executions, storage, logs and data transfer; "
    "alarms and dashboard are within CloudWatch's free tier in an account without others"
)

# US dollars per hour of one instance behind a real-time endpoint, without taxes and savings plans.
_INSTANCE_HOUR: dict[str, dict[str, float]] = {
    "us-east-1": {
        "ml.t2.medium": 0.056,
        "ml.m5.large": 0.115,
        "ml.m5.xlarge": 0.23,
        "ml.c5.large": 0.102,
        "ml.c5.xlarge": 0.204,
    },
    "eu-west-1": {"ml.m5.xlarge": 0.257},
}
# US dollars per second of computing and GB of memory of a serverless endpoint.
_SERVERLESS_GB_SECOND: dict[str, float] = {"us-east-1": 0.00002}


@dataclass(frozen=True)
class Estimate:
    """The estimated cost of the endpoint.

    Parameters
    ----------
    usd_per_hour, usd_per_month
        US dollars; None if the price is not known.
    basis
        What the figures are based on, as text.
    """

    usd_per_hour: float | None
    usd_per_month: float | None
    basis: str
    source: str = SOURCE
    not_counted: str = NOT_COUNTED


def without_endpoint() -> Estimate:
    """Return the cost without an endpoint."""
    return Estimate(0.0, 0.0, "There is no endpoint, and nothing else is billed by the hour.")


def of_instances(
    region: str, instance_type: str, count: int, pending: int = 0, listed: float | None = None
) -> Estimate:
    """Return the cost of an endpoint on instances.

    Parameters
    ----------
    count
        Instances of the version in service.
    pending
        Instances of the version that is being deployed, which cost the same until the update ends.
    listed
        The price of an instance in AWS's Price List, in US dollars per hour; None to use the table.
    """
    price = _INSTANCE_HOUR.get(region, {}).get(instance_type) if listed is None else listed
    until = f" ({pending} of them until the update ends)" if pending else ""
    count += pending
    instances = f"{count} × {instance_type} in {region}{until}"
    if price is None:
        return Estimate(None, None, f"no price known for {instances}; see {PAGE}{_elsewhere(instance_type)}")
    hour = price * count
    return Estimate(
        round(hour, 4),
        round(hour * HOURS_PER_MONTH, 2),
        f"{instances} at ${price:g} an hour each",
        SOURCE if listed is None else LISTED,
    )


def of_serverless(region: str, memory_mb: int) -> Estimate:
    """Return the cost of an idle serverless endpoint, and the price of a second of computing."""
    price = _SERVERLESS_GB_SECOND.get(region)
    each = (
        f"no price known for a second of computing in {region}; see {PAGE}"
        if price is None
        else f"${price * memory_mb / 1024:.6f} per second of computing"
    )
    return Estimate(0.0, 0.0, f"serverless with {memory_mb} MB: no cost while idle; {each}")


def _elsewhere(instance_type: str) -> str:
    """Return the known prices of an instance in other regions, for orientation."""
    known = {
        region: table[instance_type] for region, table in _INSTANCE_HOUR.items() if instance_type in table
    }
    return "".join(f" (${price:g} an hour each in {region})" for region, price in known.items())
