"""The log group of a function."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.local_aws.cloud import eventually
from support.local_aws.functions import client, create


def test_a_function_logs_into_the_group_of_its_configuration(url: str, functions: Any) -> None:
    create(url, "grouped", LoggingConfig={"LogGroup": "/chosen"})
    create(url, "ungrouped")
    configuration = functions.get_function_configuration(FunctionName="grouped")
    assert configuration["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/chosen"}
    default = functions.get_function(FunctionName="ungrouped")["Configuration"]["LoggingConfig"]
    assert default == {"LogFormat": "Text", "LogGroup": "/aws/lambda/ungrouped"}

    functions.invoke(FunctionName="grouped", Payload=b"{}")
    assert eventually(lambda: logged(url, "/chosen"))
    # After an update, the next invocation logs into the other group.
    functions.update_function_configuration(FunctionName="grouped", LoggingConfig={"LogGroup": "/other"})
    functions.invoke(FunctionName="grouped", Payload=b"{}")
    assert eventually(lambda: logged(url, "/other"))
    assert not logged(url, "/aws/lambda/grouped")


def logged(url: str, group: str) -> list[str]:
    """Return the messages in a log group; empty if it does not exist."""
    logs = client(url, "logs")
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]


@pytest.mark.parametrize("logging", [{"LogFormat": "JSON"}, {"SystemLogLevel": "WARN"}])
def test_log_settings_that_are_not_supported_are_refused(
    url: str, functions: Any, logging: dict[str, str]
) -> None:
    create(url, name := f"logs-{next(iter(logging.values()))}")
    with pytest.raises(ClientError, match="in LoggingConfig; it supports LogGroup"):
        functions.update_function_configuration(FunctionName=name, LoggingConfig=logging)
    with pytest.raises(ClientError, match="in LoggingConfig; it supports LogGroup"):
        create(url, f"{name}-2", LoggingConfig=logging)
