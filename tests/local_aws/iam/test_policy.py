"""The evaluation of policies."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.iam.policy import Document, Need, Principal, UnsupportedPolicyError, decide, message

ROLE = Principal("role", "Job", "arn:aws:sts::123456789012:assumed-role/Job/sagemaker")
EVENTS = Principal(
    "service", "events.amazonaws.com", source_arn="arn:aws:events:eu-west-1:123456789012:rule/r"
)
PUT = Need("s3:PutObject", "arn:aws:s3:::b/models/m", {"s3:ResourceAccount": "123456789012"})


def policy(**elements: Any) -> Document:
    return {"Statement": {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*", **elements}}


@pytest.mark.parametrize(
    ("elements", "allowed"),
    [
        ({}, True),
        ({"Action": "S3:putobject"}, True),
        ({"Action": ["s3:Get*", "s3:Put?bject"]}, True),
        ({"Action": "s3:Get*"}, False),
        ({"Resource": ["arn:aws:s3:::b/data/*", "arn:aws:s3:::b/models/*"]}, True),
        ({"Resource": "arn:aws:s3:::b/models/"}, False),
        ({"Resource": "arn:aws:s3:::B/models/*"}, False),
        ({"Condition": {"StringEquals": {"S3:resourceaccount": ["1", "123456789012"]}}}, True),
        ({"Condition": {"StringEquals": {"s3:ResourceAccount": "1"}}}, False),
        # A condition on a key that the request does not have is not met.
        ({"Condition": {"StringLike": {"s3:prefix": "*"}}}, False),
        ({"Condition": {"Null": {"s3:prefix": "true"}}}, True),
        ({"Condition": {"Null": {"s3:ResourceAccount": "true"}}}, False),
        ({"Condition": {"Null": {"s3:ResourceAccount": "false"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": True}}}, True),
        # All conditions must hold.
        ({"Condition": {"StringLike": {"s3:ResourceAccount": "12*", "s3:prefix": "x"}}}, False),
    ],
)
def test_a_statement_allows_what_it_covers(elements: dict[str, Any], allowed: bool) -> None:
    assert decide(ROLE, PUT, [policy(**elements)], None).allowed is allowed


@pytest.mark.parametrize(("excluded", "allowed"), [("s3:Get*", True), ("s3:*", False)])
def test_not_action_covers_all_other_actions(excluded: str, allowed: bool) -> None:
    statement = {"Effect": "Allow", "NotAction": excluded, "Resource": "*"}
    assert decide(ROLE, PUT, [{"Statement": [statement]}], None).allowed is allowed


def test_a_denial_wins_and_the_reason_is_in_the_words_of_aws() -> None:
    denied = decide(ROLE, PUT, [policy(), policy(Effect="Deny")], None)
    missing = decide(ROLE, PUT, [], None)

    assert (denied.allowed, missing.allowed) == (False, False)
    assert message(ROLE, PUT, denied) == (
        "User: arn:aws:sts::123456789012:assumed-role/Job/sagemaker is not authorized to perform: "
        "s3:PutObject on resource: arn:aws:s3:::b/models/m with an explicit deny in an identity-based policy"
    )
    assert message(ROLE, PUT, missing).endswith(
        "because no identity-based policy allows the s3:PutObject action"
    )


@pytest.mark.parametrize(
    ("named", "principal", "allowed"),
    [
        ({"Service": "events.amazonaws.com"}, EVENTS, True),
        ({"Service": ["lambda.amazonaws.com"]}, EVENTS, False),
        ({"AWS": "*"}, EVENTS, False),
        ("*", EVENTS, True),
        ({"AWS": "arn:aws:iam::123456789012:role/Job"}, ROLE, True),
        ({"AWS": "arn:aws:iam::123456789012:role/Other"}, ROLE, False),
        # The account delegates to its own policies, and does not grant by itself.
        ({"AWS": "arn:aws:iam::123456789012:root"}, ROLE, False),
    ],
)
def test_a_resource_policy_allows_the_principals_that_it_names(
    named: Any, principal: Principal, allowed: bool
) -> None:
    assert decide(principal, PUT, [], policy(Principal=named)).allowed is allowed


@pytest.mark.parametrize(
    ("source", "allowed"),
    [("arn:aws:events:eu-west-1:123456789012:rule/r", True), ("arn:aws:events:*:*:rule/other", False)],
)
def test_the_source_of_a_service_is_compared(source: str, allowed: bool) -> None:
    conditions = {
        "ArnLike": {"AWS:SourceArn": source},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    document = policy(Principal={"Service": EVENTS.name}, Condition=conditions)
    assert decide(EVENTS, PUT, [], document).allowed is allowed


def test_a_resource_policy_denies_everyone_that_it_names() -> None:
    denied = decide(ROLE, PUT, [policy()], policy(Effect="Deny", Principal="*"))
    assert denied.reason == "with an explicit deny in a resource-based policy"


@pytest.mark.parametrize(
    ("elements", "name"),
    [
        ({"Condition": {"NumericLessThan": {"s3:max-keys": 10}}}, "NumericLessThan"),
        ({"Resource": "arn:aws:s3:::b/${aws:username}/*"}, "policy variables"),
        ({"NotResource": "arn:aws:s3:::b"}, "NotResource"),
    ],
)
def test_an_element_that_is_not_evaluated_is_an_error(elements: dict[str, Any], name: str) -> None:
    with pytest.raises(UnsupportedPolicyError, match=name):
        decide(ROLE, PUT, [policy(**elements)], None)
