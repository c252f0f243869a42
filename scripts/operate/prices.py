"""What an endpoint costs, as an estimate: one dated table of prices, and no guess beyond it."""

from __future__ import annotations

from dataclasses import dataclass

HOURS_PER_MONTH = 730  # as AWS's own calculator counts
# When the table was last compared with its sources. Prices change: AWS's page is what counts.
AS_OF = "2026-11-23"
PAGE = "https://aws.amazon.com/sagemaker/pricing/"
SOURCE = (
    f"table of {AS_OF} from figures that AWS published (us-east-1: SageMaker Serverless Inference "
    "Benchmarking Toolkit and MLOps workshops; eu-west-1: bill in aws-samples/sagemaker-ssh-helper); "
    f"today's prices: {PAGE}"
)
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
# US dollars per second of computing, for each GB of memory, of a serverless endpoint.
_SERVERLESS_GB_SECOND: dict[str, float] = {"us-east-1": 0.00002}


@dataclass(frozen=True)
class Estimate:
    """What the endpoint costs as it is now.

    Parameters
    ----------
    usd_per_hour, usd_per_month
        US dollars, None where no price is known.
    basis
        What the figures say and rest on, as a sentence.
    """

    usd_per_hour: float | None
    usd_per_month: float | None
    basis: str
    source: str = SOURCE
    not_counted: str = NOT_COUNTED


def without_endpoint() -> Estimate:
    """Return what it costs while there is no endpoint."""
    return Estimate(0.0, 0.0, "There is no endpoint, and nothing else costs by the hour.")


def of_instances(region: str, instance_type: str, count: int) -> Estimate:
    """Return what instances behind an endpoint cost."""
    price = _INSTANCE_HOUR.get(region, {}).get(instance_type)
    what = f"{count} × {instance_type} in {region}"
    if price is None:
        return Estimate(None, None, f"no price known for {what}; {PAGE} has it{_elsewhere(instance_type)}")
    hour = price * count
    return Estimate(round(hour, 4), round(hour * HOURS_PER_MONTH, 2), f"{what} at ${price:g} an hour each")


def of_serverless(region: str, memory_mb: int) -> Estimate:
    """Return what a serverless endpoint costs while idle, and what a second of computing costs."""
    price = _SERVERLESS_GB_SECOND.get(region)
    each = (
        f"no price known for a second of it in {region}; {PAGE} has it"
        if price is None
        else f"${price * memory_mb / 1024:.6f} for each second that it computes"
    )
    return Estimate(0.0, 0.0, f"serverless with {memory_mb} MB: nothing while idle; {each}")


def _elsewhere(instance_type: str) -> str:
    """Return what an instance costs where that is known, for orientation."""
    known = {
        region: table[instance_type] for region, table in _INSTANCE_HOUR.items() if instance_type in table
    }
    return "".join(f" (${price:g} an hour each in {region})" for region, price in known.items())
