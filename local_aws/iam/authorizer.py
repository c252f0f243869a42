"""Checks each call against the policies of its caller and of the resource; records it, and can refuse it."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local_aws.base.clients import ACCOUNT, Credentials
from local_aws.iam.actions import UnmappedError, needs_of
from local_aws.iam.api import ROOT, Directory, operation_of
from local_aws.iam.encryption import key_needs
from local_aws.iam.operations import Signature, UnknownOperationError, route, signature_of
from local_aws.iam.policy import Decision, Document, Need, Principal, UnsupportedPolicyError, decide, message
from local_aws.iam.sessions import AssumeRoleError

_KEY_CHARACTERS = string.ascii_uppercase + string.digits
# Services whose code for missing permissions is not the usual one.
_CODES = {"sns": "AuthorizationError"}


@dataclass(frozen=True)
class Call:
    """One permission that a caller needed, and the policies that decided.

    Attributes
    ----------
    identity
        The policies of the caller.
    resource
        The policy of the resource, if it has one.
    """

    principal: Principal
    need: Need
    decision: Decision
    identity: tuple[Document, ...]
    resource: Document | None


@dataclass(frozen=True)
class Refusal:
    """The error with which AWS refuses a call."""

    status: int
    code: str
    message: str


class Authorizer:
    """Decides about calls, and issues the credentials with which services call.

    Parameters
    ----------
    directory : Directory
        Principals and policies.
    enforce : bool
        Whether calls that AWS would refuse are refused.
    on_call : callable, optional
        Called with each permission that a call needed, except those of root. With it, a call whose
        permissions are not known is refused even if nothing is enforced.
    """

    def __init__(
        self, directory: Directory, *, enforce: bool = False, on_call: Callable[[Call], None] | None = None
    ) -> None:
        self._directory = directory
        self._enforce = enforce
        self._on_call = on_call
        self._is_active = enforce or on_call is not None
        self._services: dict[str, Principal] = {}
        self._issued: dict[tuple[str, str], Credentials] = {}
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Forget all credentials."""
        with self._lock:
            self._services.clear()
            self._issued.clear()

    def assume(self, role_arn: str, service: str) -> Credentials:
        """Return the credentials of a role that a service assumes.

        Raises
        ------
        AssumeRoleError
            If the role is in another account or, with enforcement, if it does not exist or does not trust the
            service.
        """
        if f":iam::{ACCOUNT}:" not in role_arn:
            raise AssumeRoleError(
                f"Cross-account pass role is not allowed: {role_arn} is not in account {ACCOUNT}."
            )
        # Firehose names the account of the stream in this way.
        context = {"sts:ExternalId": ACCOUNT} if service.startswith("firehose.") else {}
        need = Need("sts:AssumeRole", role_arn, context)
        trust = self._directory.trust_policy(role_arn) if self._is_active else None
        if self._judge(Principal("service", service), [need], trust) is not None:
            raise AssumeRoleError(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                f"'{service}' to assume the role."
            )
        session = service.partition(".")[0]
        return self._issue(role_arn, service, lambda: self._directory.assume(role_arn, session))

    def of_service(self, service: str, source_arn: str) -> Credentials:
        """Return credentials of a service that calls on behalf of one of its resources."""

        def issue() -> Credentials:
            key = "ASIA" + "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(16))
            self._services[key] = Principal("service", service, source_arn=source_arn)
            return Credentials(key, secrets.token_urlsafe(30), None)

        return self._issue(service, source_arn, issue)

    def refusal(self, environ: Mapping[str, Any], body: bytes) -> Refusal | None:
        """Return the error for a request that is refused; None for the others."""
        if not self._is_active:
            return None
        signature = signature_of(environ)
        if signature is None:
            missing = Refusal(403, "MissingAuthenticationToken", "Missing Authentication Token")
            return missing if self._enforce else None
        principal = self._services.get(signature.access_key) or self._directory.principal(
            signature.access_key
        )
        if principal is None:
            invalid = "The security token included in the request is invalid."
            return Refusal(403, "InvalidClientTokenId", invalid) if self._enforce else None
        # Nothing restricts the root user, so its calls need no mapping.
        return None if principal == ROOT else self._refusal_of(principal, signature, environ, body)

    def _refusal_of(
        self, principal: Principal, signature: Signature, environ: Mapping[str, Any], body: bytes
    ) -> Refusal | None:
        try:
            found = route(environ, body, signature.service)
            operation = operation_of(found, environ, body, signature.region)
            needs = needs_of(operation)
            needs += key_needs(operation, needs, self._directory.key_of_object)
        except UnmappedError as error:
            return Refusal(501, "NotImplemented", str(error))
        except UnknownOperationError as error:
            return Refusal(400, "UnknownOperationException", str(error))
        except ValueError as error:
            return Refusal(400, "SerializationException", str(error))
        return self._judge(principal, needs, None, found.service)

    def refusal_of_service(self, service: str, source_arn: str, action: str, resource: str) -> Refusal | None:
        """Return the error if a service cannot act on a resource on behalf of one of its own; else None."""
        return self._judge(
            Principal("service", service, source_arn=source_arn), [Need(action, resource)], None
        )

    def _issue(self, owner: str, purpose: str, issue: Callable[[], Credentials]) -> Credentials:
        with self._lock:
            if (owner, purpose) not in self._issued:
                self._issued[owner, purpose] = issue()
            return self._issued[owner, purpose]

    def _judge(
        self, principal: Principal, needs: Sequence[Need], policy: Document | None, service: str = ""
    ) -> Refusal | None:
        """Decide about permissions, record them, and return the first refusal; `policy` is the resource's."""
        if not self._is_active:
            return None
        identity = tuple(self._directory.identity_policies(principal))
        refusal = None
        for need in needs:
            resource = policy or self._directory.resource_policy(need.resource)
            try:
                decision = decide(principal, need, identity, resource)
            except UnsupportedPolicyError as error:
                return Refusal(501, "NotImplemented", str(error))
            if self._on_call is not None:
                self._on_call(Call(principal, need, decision, identity, resource))
            if not decision.allowed and refusal is None:
                refusal = Refusal(403, _code(service), message(principal, need, decision))
        return refusal if self._enforce else None


def _code(service: str) -> str:
    """Return the error code for missing permissions in the protocol of a service."""
    with_suffix = service in {
        "apigateway",
        "application-autoscaling",
        "events",
        "lambda",
        "logs",
        "sagemaker",
        "sagemaker-runtime",
        "sqs",
        "ssm",
    }
    return _CODES.get(service, "AccessDeniedException" if with_suffix else "AccessDenied")
