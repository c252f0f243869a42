"""Reads what moto stores of IAM: whose an access key is, and the policies of principals and resources."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.sts.models import sts_backends
from werkzeug.wrappers import Request

from local_aws.base.clients import ACCESS_KEY, ACCOUNT, Credentials
from local_aws.iam.operations import Operation, Route, raw_path
from local_aws.iam.policy import Document, Principal

_PARTITION = "aws"
_SESSION_SECONDS = 3600
ROOT = Principal("root", "root", f"arn:aws:iam::{ACCOUNT}:root")


def operation_of(route: Route, environ: Mapping[str, Any], body: bytes, region: str) -> Operation:
    """Return the operation of a request with its members.

    Raises
    ------
    ValueError
        If the request is malformed.
    """
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    model = get_service_model(route.service)
    parser = PROTOCOL_PARSERS[determine_request_protocol(model, request.content_type)]
    given = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": route.labels,
    }
    try:
        members = parser(model.operation_model(route.model.name)).parse(given)
    except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError) as error:
        raise ValueError(f"The request of {route.model.name} is malformed: {error}") from error
    path = raw_path(environ)
    return Operation(route.service, route.model.name, region, members or {}, request.method, path)


class Directory:
    """The principals and policies that moto stores.

    Parameters
    ----------
    region : str
        The region that local AWS runs in.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    def principal(self, access_key: str) -> Principal | None:
        """Return whose an access key is; None if it was never issued."""
        if access_key == ACCESS_KEY:
            return ROOT
        session = sts_backends[ACCOUNT][_PARTITION].get_assumed_role_from_access_key(access_key)
        if session is not None:
            return Principal("role", session.role_arn.rpartition("/")[2], session.arn)
        user = iam_backends[ACCOUNT][_PARTITION].get_user_from_access_key_id(access_key)
        return None if user is None else Principal("user", user.name, user.arn)

    def assume(self, role_arn: str, session_name: str) -> Credentials:
        """Start a session of a role, whether or not the role exists."""
        session = sts_backends[ACCOUNT][_PARTITION].assume_role(
            self._region, session_name, role_arn, "", _SESSION_SECONDS, ""
        )
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)

    def trust_policy(self, role_arn: str) -> Document | None:
        """Return the policy that says who can assume a role; None if the role does not exist."""
        role = self._role(role_arn.rpartition("/")[2])
        return None if role is None else _document(role.assume_role_policy_document)

    def identity_policies(self, principal: Principal) -> list[Document]:
        """Return the inline and managed policies of a role or user."""
        if principal.kind == "role":
            owner = self._role(principal.name)
        elif principal.kind == "user":
            owner = iam_backends[ACCOUNT][_PARTITION].users.get(principal.name)
        else:
            owner = None
        if owner is None:
            return []
        managed = [
            version.document
            for policy in owner.managed_policies.values()
            for version in policy.versions
            if version.is_default_version
        ]
        return [_document(each) for each in [*owner.policies.values(), *managed]]

    def resource_policy(self, arn: str) -> Document | None:
        """Return the policy of a bucket, queue, topic or function; None if it has none."""
        _, _, service, region, _, name = arn.split(":", 5) if arn.count(":") >= 5 else [""] * 6
        found: Any = None
        if service == "s3":
            bucket = s3_backends[ACCOUNT][_PARTITION].buckets.get(name.partition("/")[0])
            found = bucket.policy if bucket is not None else None
        elif service == "sqs":
            queue = sqs_backends[ACCOUNT][region].queues.get(name)
            found = queue.policy if queue is not None else None
        elif service == "sns":
            topic = sns_backends[ACCOUNT][region].topics.get(arn)
            found = topic.policy if topic is not None else None
        elif service == "lambda":
            try:
                function = lambda_simple_backends[ACCOUNT][region].get_function(arn)
            except UnknownFunctionException:
                return None
            return {"Statement": function.policy.statements}
        return _document(found) if found else None

    def key_of_object(self, arn: str, is_written: bool) -> str | None:
        """Return the KMS key of a stored object, or of one to be written; None if S3 encrypts it itself."""
        name, _, key = arn.rpartition(":")[2].partition("/")
        backend = s3_backends[ACCOUNT][_PARTITION]
        bucket = backend.buckets.get(name)
        if bucket is None:
            return None
        if is_written:
            default = (bucket.encryption or {}).get("Rule", {}).get("ApplyServerSideEncryptionByDefault", {})
            found = default.get("KMSMasterKeyID")
        else:
            found = getattr(bucket.keys.get(key), "kms_key_id", None)
        return None if found is None else str(found)

    def _role(self, name: str) -> Role | None:
        try:
            return iam_backends[ACCOUNT][_PARTITION].get_role(name)
        except NotFoundException:
            return None


def _document(text: str | bytes) -> Document:
    document: Document = json.loads(text)
    return document
