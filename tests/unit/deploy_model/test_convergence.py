"""deploy_model reaches the desired state after any history of events and interruptions."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from deploy_model.publication import NoAnswerError
from deploy_model.registry import MAX_ATTEMPTS
from hypothesis import given, target
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error

ACTIONS = st.one_of(
    st.sampled_from(["register", "register_approved", "pause", "resume", "call", "call", "ends", "fails"]),
    st.sampled_from(["bakes", "alarm", "rollback_fails"]),
    st.tuples(st.sampled_from(["Approved", "Rejected"]), st.integers(1, 4)),
    st.tuples(st.just("interrupted"), st.integers(1, 25)),
)


def wanted(aws: Aws) -> str | None:
    """Return the newest approved version that was not given up, or None while paused."""
    if aws.parameters["/bankruptcy/paused"] == "true":
        return None
    for version in sorted(aws.packages, key=int, reverse=True):
        package = aws.packages[version]
        failed = int(package["CustomerMetadataProperties"].get("DeploymentFailedAttempts", 0))
        if package["ModelApprovalStatus"] == "Approved" and failed < MAX_ATTEMPTS:
            return version
    return None


def assert_converged(aws: Aws) -> None:
    version = wanted(aws)
    assert aws.serving() == version
    if version is None:
        assert aws.endpoint is None
        return
    assert aws.endpoint is not None
    assert aws.endpoint["EndpointConfigName"] == settings().name_for(int(version))
    published = aws.published()
    assert published is not None
    assert published["version"] == version
    assert aws.objects["champion/model.tar.gz"] == f"model {version}".encode()
    assert len(aws.configs) <= 4
    assert len(aws.models) <= 4
    assert all(any(name.endswith(config) for config in aws.configs) for name in aws.alarms)


def act(aws: Aws, action: str | tuple[str, int]) -> None:
    reconciler = aws.reconciler()
    match action:
        case "register":
            aws.register("PendingManualApproval")
        case "register_approved":
            aws.register()
        case "pause" | "resume":
            aws.pause(action == "pause")
        case "call":
            reconciler.step()
        case "ends" | "fails":
            aws.settle(succeeds=action == "ends")
        case "bakes" | "alarm" | "rollback_fails":
            {"bakes": aws.bake, "alarm": aws.set_off, "rollback_fails": aws.fail_rollback}[action]()
        case ("interrupted", calls):
            interrupt(aws, calls)
        case (status, version) if str(version) in aws.packages:
            aws.decide(str(version), status)


def interrupt(aws: Aws, at_call: int) -> None:
    """Call the function; its n-th AWS call fails."""
    count = 0

    def fail(operation: str) -> None:
        nonlocal count
        count += 1
        if count == at_call:
            raise error("ThrottlingException", "Rate exceeded", operation)

    aws.fail = fail
    try:
        aws.reconciler().step()
    except (ClientError, NoAnswerError):
        pass
    finally:
        aws.fail = lambda _: None


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_any_history_ends_in_the_desired_state(
    history: list[str | tuple[str, int]],
) -> None:
    # GIVEN approvals, rejections, pauses, failures, duplicate and lost events, in any order
    aws = Aws()
    for action in history:
        act(aws, action)
    target(float(len(aws.packages)))
    # WHEN the schedule calls the function, and SageMaker's changes succeed
    aws.settle()
    last = aws.run(aws.reconciler())
    if "blocked" in last:
        # After a failed rollback the endpoint keeps serving, until a person creates it again.
        assert aws.serving() is not None
        aws.pause()
        aws.run(aws.reconciler())
        aws.pause(False)
        last = aws.run(aws.reconciler())
    # THEN the newest approved version is in service, and there is nothing left to do
    assert_converged(aws)
    writes = [
        call for call in aws.calls if call.split("_")[0] in ("create", "update", "delete", "put", "copy")
    ]
    assert aws.reconciler().step()["action"] == "none"
    assert [
        c for c in aws.calls if c.split("_")[0] in ("create", "update", "delete", "put", "copy")
    ] == writes
    assert last["action"] == "none"


def test_failed_updates_do_not_repeat_forever() -> None:
    aws = Aws()
    aws.register()
    aws.run(aws.reconciler())
    aws.register()
    for _ in range(20):
        aws.reconciler().step()
        aws.settle(succeeds=False)
    assert aws.calls.count("update_endpoint") == MAX_ATTEMPTS
    assert aws.serving() == "1"


@pytest.mark.parametrize(
    "operation",
    [
        "create_model",
        "create_endpoint_config",
        "create_endpoint",
        "update_endpoint",
        "put_metric_alarm",
        "delete_alarms",
        "add_tags",
        "delete_endpoint",
        "put_object",
        "delete_endpoint_config",
        "delete_model",
    ],
)
def test_two_concurrent_calls_are_safe(operation: str) -> None:
    """Run the whole step in another call just before this one's change."""
    aws = Aws()

    def overtake(called: str) -> None:
        if called == operation:
            aws.fail = lambda _: None
            aws.reconciler().step()

    for change in (*[aws.register] * 5, aws.pause, lambda: aws.pause(False)):
        change()
        for _ in range(5):
            aws.fail = overtake
            aws.reconciler().step()
            aws.fail = lambda _: None
            aws.settle()
        assert_converged(aws)
    assert aws.serving() == "5"
