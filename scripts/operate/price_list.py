"""Reads the price of an endpoint's instances from AWS's Price List."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.aws.session import Aws

# The Price List covers all regions, but only a few regions have its API.
_REGION = "us-east-1"


@lru_cache
def hosting_price(aws: Aws, instance_type: str) -> float | None:
    """Return the price of an instance of an endpoint in the project's region, in US dollars per hour.

    It is read once in a process, because a page of the console asks every few seconds.

    Returns
    -------
    float or None
        None if the Price List can't be read, or does not have exactly one price.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # `bankruptcy status` should not wait long for a price.
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 1})
    wanted = {"regionCode": aws.project.region, "component": "Hosting", "instanceName": instance_type}
    try:
        found = aws.client("pricing", region_name=_REGION, config=config).get_products(
            ServiceCode="AmazonSageMaker",
            Filters=[{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()],
        )
    except (BotoCoreError, ClientError):
        return None
    prices = {price for product in found["PriceList"] for price in _hourly_prices(json.loads(product))}
    return prices.pop() if len(prices) == 1 else None


def _hourly_prices(product: dict[str, Any]) -> Iterator[float]:
    for term in product["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"] == "Hrs" and "USD" in dimension["pricePerUnit"]:
                yield float(dimension["pricePerUnit"]["USD"])
