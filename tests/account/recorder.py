"""Records the requests to AWS and its answers, without what identifies the account or the caller."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import boto3
from botocore.model import OperationModel

from local_aws.base.clients import ACCOUNT

# The ids of roles, users and sessions.
_ID = re.compile(r"\bA[A-Z]{2}A[A-Z0-9]{16,17}\b")
# The name of a person, as their identity provider gives it.
_PERSONAL = {"SourceIdentity", "UserProfileName"}
# Their answers hold credentials and the names of people.
_NOT_RECORDED = {"sts"}


class Recorder:
    """The calls of sessions, each once: polling repeats a call until its answer changes.

    Parameters
    ----------
    account
        Account number, which is replaced by that of local AWS.
    private
        Other texts to remove, such as the ARN of the caller.
    """

    def __init__(self, account: str, private: Iterable[str] = ()) -> None:
        self._replaced = {**dict.fromkeys(private, "<caller>"), account: ACCOUNT}
        self._calls: list[dict[str, Any]] = []

    def attach(self, session: boto3.Session) -> None:
        """Record the calls of all clients that the session makes from now on."""
        session.events.register("before-parameter-build.*.*", self._keep_request)
        session.events.register("after-call.*.*", self._add)

    def take(self) -> list[dict[str, Any]]:
        """Return the calls since the last time."""
        taken, self._calls = self._calls, []
        return taken

    def _keep_request(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["recorded_request"] = params

    def _add(
        self, parsed: Mapping[str, Any], model: OperationModel, context: dict[str, Any], **_: Any
    ) -> None:
        service = model.service_model.service_name
        if service in _NOT_RECORDED:
            return
        call = {
            "operation": f"{service}:{model.name}",
            "request": self.cleaned(context.get("recorded_request", {})),
            "status": parsed["ResponseMetadata"]["HTTPStatusCode"],
            "answer": self.cleaned({k: v for k, v in parsed.items() if k != "ResponseMetadata"}),
        }
        if call not in self._calls:
            self._calls.append(call)

    def cleaned(self, value: Any) -> Any:
        """Return a value of a request or answer as JSON, without times, bytes, ids and private texts."""
        if isinstance(value, Mapping):
            return {
                str(key): "<caller>" if key in _PERSONAL else self.cleaned(each)
                for key, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.cleaned(each) for each in value]
        if isinstance(value, datetime):
            return "<time>"
        if isinstance(value, str):
            for text, replacement in self._replaced.items():
                value = value.replace(text, replacement)
            return _ID.sub("<id>", value)
        return value if value is None or isinstance(value, bool | int | float) else "<bytes>"
