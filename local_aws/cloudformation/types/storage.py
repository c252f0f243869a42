"""Resource types of S3, SageMaker, Systems Manager, SQS and SNS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_aws.cloudformation.types.resource import (
    Context,
    Made,
    Properties,
    ResourceError,
    ResourceType,
    names,
)

_LIFECYCLE_RULE = names(
    "AbortIncompleteMultipartUpload ExpirationInDays Id NoncurrentVersionExpiration Prefix Status"
)
_QUEUE_DEFAULTS = {"MessageRetentionPeriod": 345600, "SqsManagedSseEnabled": True, "VisibilityTimeout": 30}


class _Bucket(ResourceType):
    def create(self, context: Context, properties: Properties) -> Made:
        """Create the bucket with its configuration; generated names are in lower case."""
        generated = {"BucketName": context.generated_name(63).lower()}
        return super().create(context, {**generated, **properties})

    def request(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Return the arguments of create_bucket."""
        location = None if context.region == "us-east-1" else {"LocationConstraint": context.region}
        return {"Bucket": properties["BucketName"], "CreateBucketConfiguration": location}

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Set the properties that changed and delete those that were removed."""
        bucket = {"Bucket": made.physical_id}
        for name, put, delete, argument, value in (
            (
                "BucketEncryption",
                "put_bucket_encryption",
                "delete_bucket_encryption",
                "ServerSideEncryptionConfiguration",
                _encryption(properties.get("BucketEncryption")),
            ),
            (
                "PublicAccessBlockConfiguration",
                "put_public_access_block",
                "delete_public_access_block",
                "PublicAccessBlockConfiguration",
                properties.get("PublicAccessBlockConfiguration"),
            ),
            (
                "OwnershipControls",
                "put_bucket_ownership_controls",
                "delete_bucket_ownership_controls",
                "OwnershipControls",
                properties.get("OwnershipControls"),
            ),
            (
                "LifecycleConfiguration",
                "put_bucket_lifecycle_configuration",
                "delete_bucket_lifecycle",
                "LifecycleConfiguration",
                _lifecycle(properties.get("LifecycleConfiguration")),
            ),
        ):
            if properties.get(name) == before.get(name):
                continue
            if value is None:
                context.call("s3", delete, **bucket)
            else:
                context.call("s3", put, **bucket, **{argument: value})
        versioning = properties.get("VersioningConfiguration")
        if versioning != before.get("VersioningConfiguration"):
            wanted = versioning or {"Status": "Suspended"}
            context.call("s3", "put_bucket_versioning", **bucket, VersioningConfiguration=wanted)
        return made


def _encryption(configuration: Properties | None) -> dict[str, Any] | None:
    """Return the encryption rules with the names of the API, which differ from CloudFormation's."""
    if configuration is None:
        return None
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(configuration: Properties | None) -> dict[str, Any] | None:
    """Return the lifecycle rules with the names of the API, which differ from CloudFormation's."""
    if configuration is None:
        return None
    rules = []
    for rule in configuration["Rules"]:
        unknown = sorted(set(rule) - _LIFECYCLE_RULE)
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} of a lifecycle rule")
        converted = {
            "ID": rule["Id"],
            "Status": rule["Status"],
            "Filter": {"Prefix": rule.get("Prefix", "")},
            "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
            "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
            "Expiration": {"Days": rule["ExpirationInDays"]} if "ExpirationInDays" in rule else None,
        }
        rules.append({key: value for key, value in converted.items() if value is not None})
    return {"Rules": rules}


class _Parameter(ResourceType):
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Overwrite the parameter and update its attributes."""
        super().update(context, made, properties, before)
        return self.describe(context, {**properties, "Name": made.physical_id})


class _Queue(ResourceType):
    def request(self, context: Context, properties: Properties) -> dict[str, Any]:  # noqa: ARG002
        """Return the arguments of create_queue."""
        attributes = {key: value for key, value in properties.items() if key != "QueueName"}
        return {"QueueName": properties["QueueName"], "Attributes": attributes}

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:  # noqa: ARG002
        """Set all attributes; properties that are not set get their default."""
        attributes = {key: properties.get(key, default) for key, default in _QUEUE_DEFAULTS.items()}
        context.call("sqs", "set_queue_attributes", QueueUrl=made.physical_id, Attributes=attributes)
        return made


@dataclass(frozen=True, kw_only=True)
class _AttachedPolicy(ResourceType):
    """A policy that is attached to each queue or topic of a list.

    Attributes
    ----------
    targets
        Property that holds the list.
    policy_request
        Returns the arguments of `update_call` for one target and a document.
    is_removable
        Whether the policy can be removed; a topic always has one.
    """

    targets: str
    policy_request: Callable[[str, Any], dict[str, Any]]
    is_removable: bool

    def create(self, context: Context, properties: Properties) -> Made:
        """Set the policy of each target."""
        return self.update(context, Made(context.generated_name()), properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:  # noqa: ARG002
        """Overwrite the policy of each target."""
        self._set(context, properties, properties["PolicyDocument"])
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:  # noqa: ARG002
        """Remove the policy of each target, if it can be removed."""
        if self.is_removable:
            self._set(context, properties, "")

    def _set(self, context: Context, properties: Properties, document: Any) -> None:
        for target in properties[self.targets]:
            context.call(self.service, self.update_call, **self.policy_request(target, document))


class _Topic(ResourceType):
    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Update the display name."""
        display_name = properties.get("DisplayName", "")
        if display_name != before.get("DisplayName", ""):
            attribute = {"AttributeName": "DisplayName", "AttributeValue": display_name}
            context.call("sns", "set_topic_attributes", TopicArn=made.physical_id, **attribute)
        return made


def _bucket_exists(context: Context, name: str) -> bool:
    return any(bucket["Name"] == name for bucket in context.call("s3", "list_buckets")["Buckets"])


def _queue_exists(context: Context, name: str) -> bool:
    try:
        context.call("sqs", "get_queue_url", QueueName=name)
    except ClientError as error:
        if "NonExistentQueue" in error.response["Error"]["Code"]:
            return False
        raise
    return True


def _topic_exists(context: Context, name: str) -> bool:
    topics = context.call("sns", "list_topics")["Topics"]
    return any(topic["TopicArn"].rpartition(":")[2] == name for topic in topics)


TYPES: tuple[ResourceType, ...] = (
    _Bucket(
        name="AWS::S3::Bucket",
        service="s3",
        properties=names("BucketEncryption BucketName LifecycleConfiguration OwnershipControls")
        | names("PublicAccessBlockConfiguration VersioningConfiguration"),
        replacing=names("BucketName"),
        name_property="BucketName",
        is_taken=_bucket_exists,
        created_with=names("BucketName"),
        create_call="create_bucket",
        physical_id="{BucketName}",
        attributes={
            "Arn": "arn:aws:s3:::{physical_id}",
            "DomainName": "{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": "{physical_id}.s3.{region}.amazonaws.com",
        },
        ids={"Bucket": "{physical_id}"},
        delete_call="delete_bucket",
    ),
    ResourceType(
        name="AWS::S3::BucketPolicy",
        service="s3",
        properties=names("Bucket PolicyDocument"),
        required=names("Bucket PolicyDocument"),
        replacing=names("Bucket"),
        arguments={"PolicyDocument": "Policy"},
        create_call="put_bucket_policy",
        physical_id="{Bucket}",
        ids={"Bucket": "{physical_id}"},
        update_call="put_bucket_policy",
        delete_call="delete_bucket_policy",
    ),
    ResourceType(
        name="AWS::SageMaker::ModelPackageGroup",
        service="sagemaker",
        properties=names("ModelPackageGroupDescription ModelPackageGroupName"),
        required=names("ModelPackageGroupName"),
        replacing=names("ModelPackageGroupDescription ModelPackageGroupName"),
        create_call="create_model_package_group",
        physical_id="{ModelPackageGroupArn}",
        attributes={"ModelPackageGroupArn": "{ModelPackageGroupArn}"},
        ids={"ModelPackageGroupName": "{ModelPackageGroupName}"},
        delete_call="delete_model_package_group",
    ),
    _Parameter(
        name="AWS::SSM::Parameter",
        service="ssm",
        properties=names("AllowedPattern Description Name Type Value"),
        required=names("Type Value"),
        replacing=names("Name"),
        name_property="Name",
        create_call="put_parameter",
        physical_id="{Name}",
        attributes={"Type": "{Type}", "Value": "{Value}"},
        ids={"Name": "{physical_id}"},
        update_call="put_parameter",
        update_with={"Overwrite": True},
        delete_call="delete_parameter",
    ),
    _Queue(
        name="AWS::SQS::Queue",
        service="sqs",
        properties=names("MessageRetentionPeriod QueueName SqsManagedSseEnabled VisibilityTimeout"),
        replacing=names("QueueName"),
        name_property="QueueName",
        longest_name=80,
        is_taken=_queue_exists,
        create_call="create_queue",
        physical_id="{QueueUrl}",
        attributes={
            "Arn": "arn:aws:sqs:{region}:{account}:{QueueName}",
            "QueueName": "{QueueName}",
            "QueueUrl": "{QueueUrl}",
        },
        ids={"QueueUrl": "{physical_id}"},
        delete_call="delete_queue",
    ),
    _AttachedPolicy(
        name="AWS::SQS::QueuePolicy",
        service="sqs",
        properties=names("PolicyDocument Queues"),
        required=names("PolicyDocument Queues"),
        replacing=names("Queues"),
        update_call="set_queue_attributes",
        targets="Queues",
        policy_request=lambda url, document: {"QueueUrl": url, "Attributes": {"Policy": document}},
        is_removable=True,
    ),
    _Topic(
        name="AWS::SNS::Topic",
        service="sns",
        properties=names("DisplayName TopicName"),
        replacing=names("TopicName"),
        name_property="TopicName",
        longest_name=256,
        is_taken=_topic_exists,
        arguments={"TopicName": "Name"},
        created_with=names("TopicName"),
        create_call="create_topic",
        physical_id="{TopicArn}",
        attributes={"TopicArn": "{TopicArn}", "TopicName": "{TopicName}"},
        ids={"TopicArn": "{physical_id}"},
        delete_call="delete_topic",
    ),
    _AttachedPolicy(
        name="AWS::SNS::TopicPolicy",
        service="sns",
        properties=names("PolicyDocument Topics"),
        required=names("PolicyDocument Topics"),
        replacing=names("Topics"),
        update_call="set_topic_attributes",
        targets="Topics",
        policy_request=lambda arn, document: {
            "TopicArn": arn,
            "AttributeName": "Policy",
            "AttributeValue": document,
        },
        is_removable=False,
    ),
    ResourceType(
        name="AWS::SNS::Subscription",
        service="sns",
        properties=names("Endpoint Protocol TopicArn"),
        required=names("Protocol TopicArn"),
        replacing=names("Endpoint Protocol TopicArn"),
        create_call="subscribe",
        create_with={"ReturnSubscriptionArn": True},
        physical_id="{SubscriptionArn}",
        attributes={"Arn": "{SubscriptionArn}"},
        ids={"SubscriptionArn": "{physical_id}"},
        delete_call="unsubscribe",
    ),
)
