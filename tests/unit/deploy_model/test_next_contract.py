"""The contract that clients need while a model is being deployed."""

from __future__ import annotations

import json

from support.deploy_model.aws import Aws


def test_the_contract_is_announced_before_the_endpoint_changes() -> None:
    # GIVEN a champion, and a newer approved version
    aws = Aws()
    aws.register()
    aws.run(aws.reconciler())
    aws.register()

    # WHEN its deployment starts
    announced = []

    def look(operation: str) -> None:
        if operation == "update_endpoint":
            announced.append(json.loads(aws.objects["champion/next.json"]))

    aws.fail = look
    aws.reconciler().step()

    # THEN its contract is there before, and the champion's is still published
    assert [(each["version"], each["contract"]) for each in announced] == [("2", "0000000000000002")]
    published = aws.published()
    assert published is not None
    assert published["version"] == "1"
