"""deploy_model starts and stops the endpoint's scaling."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from support.deploy_model.aws import Aws, settings
from support.deploy_model.services import error

SCALING = settings(instance_type="ml.m5.large", min_instances=1, max_instances=3)


@pytest.fixture
def aws() -> Aws:
    made = Aws()
    made.register()
    return made


def test_an_endpoint_with_equal_bounds_does_not_scale(aws: Aws) -> None:
    aws.run(aws.reconciler())
    assert aws.scaling is None
    assert "register_scalable_target" not in aws.calls


def test_scaling_starts_once_the_version_is_verified(aws: Aws) -> None:
    reconciler = aws.reconciler(SCALING)
    assert reconciler.step()["action"] == "create_endpoint"
    aws.settle()
    assert aws.scaling is None
    assert reconciler.step()["action"] == "publish"
    assert aws.scaling == {"min": 1, "max": 3, "target": 3000.0}
    (variant,) = aws.configs[SCALING.name_for(1)]["ProductionVariants"]
    assert variant["InitialInstanceCount"] == 1


def test_a_new_version_keeps_the_current_number_of_instances(aws: Aws) -> None:
    reconciler = aws.reconciler(SCALING)
    aws.run(reconciler)
    aws.register()
    assert reconciler.step()["action"] == "update_endpoint"
    assert aws.retained is True
    assert aws.scaling == {"min": 1, "max": 3, "target": 3000.0}
    aws.settle()
    aws.run(reconciler)
    assert aws.serving() == "2"


@pytest.mark.parametrize(
    ("changes", "scaling"),
    [
        ({"max_instances": 5}, {"min": 1, "max": 5, "target": 3000.0}),
        ({"min_instances": 2}, {"min": 2, "max": 3, "target": 3000.0}),
        ({"invocations_per_instance": 600}, {"min": 1, "max": 3, "target": 600.0}),
        ({"instance_type": "ml.m5.xlarge"}, {"min": 1, "max": 3, "target": 3000.0}),
        ({"max_instances": 1}, None),
        ({"mode": "serverless"}, None),
    ],
)
def test_changed_settings_take_effect(aws: Aws, changes: dict[str, object], scaling: object) -> None:
    aws.run(aws.reconciler(SCALING))
    facts = {"instance_type": "ml.m5.large", "min_instances": 1, "max_instances": 3, **changes}
    changed = settings(**facts)
    aws.run(aws.reconciler(changed))
    assert aws.scaling == scaling
    assert aws.endpoint is not None
    assert aws.endpoint["EndpointConfigName"] == changed.name_for(1)
    # Without scaling, the configuration decides the number of instances.
    assert aws.retained is (scaling is not None)


def test_pausing_deletes_the_target_with_the_endpoint(aws: Aws) -> None:
    reconciler = aws.reconciler(SCALING)
    aws.run(reconciler)
    aws.pause()
    aws.run(reconciler)
    assert (aws.endpoint, aws.scaling) == (None, None)
    aws.pause(False)
    aws.run(reconciler)
    assert aws.scaling == {"min": 1, "max": 3, "target": 3000.0}


def test_scaling_that_was_stopped_starts_again(aws: Aws) -> None:
    reconciler = aws.reconciler(SCALING)
    aws.run(reconciler)
    aws.scaling = None
    assert reconciler.step()["action"] == "none"
    assert aws.scaling == {"min": 1, "max": 3, "target": 3000.0}


def test_a_denied_call_is_not_a_missing_target(aws: Aws) -> None:
    aws.run(aws.reconciler(SCALING))

    def deny(operation: str) -> None:
        if operation == "deregister_scalable_target":
            raise error("AccessDeniedException", "no", operation)

    aws.fail = deny
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.reconciler(settings()).step()
    assert aws.endpoint is not None
    assert aws.endpoint["EndpointStatus"] == "InService"
