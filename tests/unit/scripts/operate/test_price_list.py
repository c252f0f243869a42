"""The price of an instance comes from AWS's Price List, as long as it names exactly one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.stub import Stubber
from support.stubs import stubbed_aws

from scripts.aws.session import Aws
from scripts.operate import prices
from scripts.operate.price_list import hosting_price


@pytest.fixture
def stubbed() -> Iterator[tuple[Aws, Stubber]]:
    with stubbed_aws("pricing") as found:
        yield found


REQUEST = {
    "ServiceCode": "AmazonSageMaker",
    "Filters": [
        {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-central-1"},
        {"Type": "TERM_MATCH", "Field": "component", "Value": "Hosting"},
        {"Type": "TERM_MATCH", "Field": "instanceName", "Value": "ml.m5.large"},
    ],
}


def product(price: str, unit: str = "Hrs") -> str:
    dimension = {"unit": unit, "pricePerUnit": {"USD": price}}
    return json.dumps({"terms": {"OnDemand": {"term": {"priceDimensions": {"rate": dimension}}}}})


@pytest.mark.parametrize(
    ("products", "price"),
    [
        ([product("0.1380000000")], 0.138),
        ([product("0.138"), product("0.138"), product("12", unit="GB-Mo")], 0.138),
        ([product("0.138"), product("0.2")], None),
        ([json.dumps({"terms": {}})], None),
        ([], None),
    ],
    ids=["one", "the same twice", "two prices", "no offer", "no product"],
)
def test_the_price_is_the_only_hourly_one(
    stubbed: tuple[Aws, Stubber], products: list[str], price: float | None
) -> None:
    aws, stubber = stubbed
    stubber.add_response("get_products", {"PriceList": products}, REQUEST)
    assert hosting_price(aws, "ml.m5.large") == price


def test_the_price_is_read_once(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stubber = stubbed
    stubber.add_response("get_products", {"PriceList": [product("0.138")]}, REQUEST)
    assert [hosting_price(aws, "ml.m5.large") for _ in range(2)] == [0.138, 0.138]


def test_without_permission_there_is_no_listed_price(stubbed: tuple[Aws, Stubber]) -> None:
    aws, stubber = stubbed
    stubber.add_client_error("get_products", "AccessDeniedException")
    assert hosting_price(aws, "ml.m5.large") is None


def test_a_listed_price_replaces_that_of_the_table() -> None:
    listed = prices.of_instances("us-east-1", "ml.t2.medium", 2, listed=0.06)
    assert (listed.usd_per_hour, listed.source) == (0.12, "AWS's Price List")
    assert prices.of_instances("us-east-1", "ml.t2.medium", 2).usd_per_hour == 0.112
