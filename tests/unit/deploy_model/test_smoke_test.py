"""A new endpoint is only published once it gives the known answer."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from deploy_model.publication import NoAnswerError
from support.deploy_model.aws import Aws
from support.deploy_model.services import error


def test_a_wrong_answer_rolls_back_to_the_previous_version_at_once(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.wrong_answers.add(aws.register())
    reconciler.step()
    aws.settle()
    step = reconciler.step()
    assert (step["action"], step["version"]) == ("update_endpoint", "1")
    assert step["unfit"] == {
        "2": "The smoke test returned the probability 0.9; the evaluated model returned 0.002."
    }
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "1"
    assert aws.published()["version"] == "1"  # type: ignore[index]


def test_a_wrong_answer_from_the_only_version_deletes_the_endpoint(aws: Aws) -> None:
    aws.wrong_answers.add(aws.register())
    reconciler = aws.reconciler()
    reconciler.step()
    aws.settle()
    assert reconciler.step()["action"] == "delete_endpoint"
    assert aws.published() is None


def test_every_new_endpoint_is_tested_even_if_its_version_was_already_published(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.pause()
    reconciler.step()
    aws.settle()
    aws.pause(False)
    reconciler.step()
    aws.settle()
    assert reconciler.step()["action"] == "publish"


def test_a_rollback_publishes_again_after_an_interrupted_publication(aws: Aws) -> None:
    # GIVEN version 1 in service, and version 2 published but interrupted before its tag was set
    aws.register()
    reconciler = aws.reconciler()
    aws.run(reconciler)
    aws.register()
    reconciler.step()
    aws.settle()

    def deny(operation: str) -> None:
        if operation == "add_tags":
            raise error("ThrottlingException", "Rate exceeded", operation)

    aws.fail = deny
    with pytest.raises(ClientError, match="Rate exceeded"):
        reconciler.step()
    aws.fail = lambda _: None
    assert aws.published()["version"] == "2"  # type: ignore[index]
    # WHEN version 2 is rejected
    aws.decide("2", "Rejected")
    aws.run(reconciler)
    # THEN clients see version 1's contract again
    assert aws.published()["version"] == "1"  # type: ignore[index]


def test_a_difference_within_the_tolerance_passes(aws: Aws) -> None:
    aws.register()
    key = "models/execution-1/contract.json"
    contract = json.loads(aws.objects[key])
    contract["smoke_test"]["probability"] += 9e-7
    aws.objects[key] = json.dumps(contract).encode()
    assert aws.run(aws.reconciler())["version"] == "1"


def test_no_answer_raises_for_a_retry_and_is_given_up_after_three(aws: Aws) -> None:
    aws.register()
    reconciler = aws.reconciler()
    reconciler.step()
    aws.settle()
    aws.silent = True
    for _ in range(3):
        with pytest.raises(NoAnswerError, match="did not answer the smoke test"):
            reconciler.step()
    assert reconciler.step()["action"] == "delete_endpoint"
