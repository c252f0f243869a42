"""`deploy` and `destroy`, each cut off at each of its requests and then run again; `make test-faults`.

The process is killed before the request, or the request is carried out and nothing comes back any more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import BotoCoreError
from support.disturbed import REST, Service, disturbed_service
from support.faults import Fault, Killed, killed, lost, unreachable

from local_aws.server import LocalAws


@pytest.fixture(scope="module")
def service(running_aws: LocalAws) -> Iterator[Service]:
    with disturbed_service(running_aws) as made:
        yield made


def cut_off(number: int, fault: Fault) -> object:
    """Let a fault befall that request, and nothing after it arrive."""

    def choose(count: int, _operation: str) -> Fault | None:
        if count < number:
            return None
        return fault if count == number or fault is killed else unreachable

    return choose


@pytest.mark.parametrize("fault", [killed, lost])
def test_deploy(service: Service, fault: Fault) -> None:
    service.deploy()
    whole = service.holds()
    for number in range(1, 1000):
        service.reset()
        try:
            with service.faults.where(cut_off(number, fault)):
                service.deploy()
        except (Killed, BotoCoreError):
            service.deploy()
            assert service.holds() == whole, f"cut off at {service.faults.requests[-1]}"
            assert not service.deploy().changed
        else:
            assert number > 10
            return


@pytest.mark.parametrize("fault", [killed, lost])
def test_destroy(service: Service, fault: Fault) -> None:
    for number in range(1, 1000):
        service.reset()
        service.deploy()
        service.use()
        try:
            with service.faults.where(cut_off(number, fault)):
                service.destroy_all()
        except (Killed, BotoCoreError):
            service.destroy_all()
            assert service.holds() == REST, f"cut off at {service.faults.requests[-1]}"
        else:
            assert number > 10
            return
