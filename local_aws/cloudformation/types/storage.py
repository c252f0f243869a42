"""Resource types of S3, Firehose, SageMaker, Systems Manager, SQS, SNS and AWS Budgets."""
# ruff: noqa: ARG002 - all types have the same methods, and some do not need every argument

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local_aws.cloudformation.types.resource import (
    Context,
    PhysicalResource,
    Properties,
    ResourceError,
    ResourceType,
)

# Members of a lifecycle rule: CloudFormation's name and the API's.
_LIFECYCLE_MEMBERS = {
    "Id": "ID",
    "Status": "Status",
    "NoncurrentVersionExpiration": "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload",
}
_QUEUE_DEFAULTS = {"MessageRetentionPeriod": 345600, "SqsManagedSseEnabled": True, "VisibilityTimeout": 30}


class _Bucket(ResourceType):
    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        """Create the bucket with its configuration; generated names are in lower case."""
        generated = {"BucketName": context.generated_name(63).lower()}
        bucket = super().create(context, {**generated, **properties})
        if context.tags:
            tags = [{"Key": key, "Value": value} for key, value in context.tags.items()]
            context.call("s3", "put_bucket_tagging", Bucket=bucket.physical_id, Tagging={"TagSet": tags})
        return bucket

    def request(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Return the arguments of create_bucket."""
        location = None if context.region == "us-east-1" else {"LocationConstraint": context.region}
        return {"Bucket": properties["BucketName"], "CreateBucketConfiguration": location}

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Set the properties that changed and delete those that were removed."""
        bucket = {"Bucket": resource.physical_id}
        for name, setting, argument, convert in (
            ("BucketEncryption", "bucket_encryption", "ServerSideEncryptionConfiguration", _encryption),
            ("PublicAccessBlockConfiguration", "public_access_block", "PublicAccessBlockConfiguration", dict),
            ("OwnershipControls", "bucket_ownership_controls", "OwnershipControls", dict),
            (
                "LifecycleConfiguration",
                "bucket_lifecycle_configuration",
                "LifecycleConfiguration",
                _lifecycle,
            ),
        ):
            if properties.get(name) == before.get(name):
                continue
            if name in properties:
                context.call("s3", f"put_{setting}", **bucket, **{argument: convert(properties[name])})
            else:
                # The lifecycle is deleted by delete_bucket_lifecycle.
                context.call("s3", f"delete_{setting.removesuffix('_configuration')}", **bucket)
        versioning = properties.get("VersioningConfiguration")
        if versioning != before.get("VersioningConfiguration"):
            wanted = versioning or {"Status": "Suspended"}
            context.call("s3", "put_bucket_versioning", **bucket, VersioningConfiguration=wanted)
        notified = properties.get("NotificationConfiguration")
        if notified != before.get("NotificationConfiguration"):
            # The API cannot delete the configuration, only replace it by an empty one.
            configuration = _notification(notified or {})
            context.call(
                "s3",
                "put_bucket_notification_configuration",
                **bucket,
                NotificationConfiguration=configuration,
            )
        return resource


def _encryption(configuration: Properties) -> dict[str, Any]:
    """Return the encryption rules with the names of the API, which differ from CloudFormation's."""
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _notification(configuration: Properties) -> dict[str, Any]:
    """Return where the bucket sends its events; in the API, an empty member switches EventBridge on."""
    unknown = sorted(set(configuration) - {"EventBridgeConfiguration"})
    if unknown:
        raise ResourceError(f"Encountered unsupported property {unknown[0]} of a NotificationConfiguration")
    bridge = configuration.get("EventBridgeConfiguration")
    is_on = bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true"
    return {"EventBridgeConfiguration": {}} if is_on else {}


def _lifecycle(configuration: Properties) -> dict[str, Any]:
    """Return the lifecycle rules with the names of the API, which differ from CloudFormation's."""
    return {"Rules": [_lifecycle_rule(rule) for rule in configuration["Rules"]]}


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    unknown = sorted(set(rule) - {*_LIFECYCLE_MEMBERS, "ExpirationInDays", "Prefix"})
    if unknown:
        raise ResourceError(f"Encountered unsupported property {unknown[0]} of a lifecycle rule")
    converted = {new: rule[old] for old, new in _LIFECYCLE_MEMBERS.items() if old in rule}
    if "ExpirationInDays" in rule:
        converted["Expiration"] = {"Days": rule["ExpirationInDays"]}
    return {**converted, "Filter": {"Prefix": rule.get("Prefix", "")}}


class _Parameter(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Overwrite the parameter and update its attributes."""
        super().update(context, resource, properties, before)
        return self.describe(context, {**properties, "Name": resource.physical_id})


class _Queue(ResourceType):
    def request(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Return the arguments of create_queue."""
        attributes = {key: value for key, value in properties.items() if key != "QueueName"}
        return {"QueueName": properties["QueueName"], "Attributes": attributes}

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Set all attributes; properties that are not set get their default."""
        attributes = {key: properties.get(key, default) for key, default in _QUEUE_DEFAULTS.items()}
        context.call("sqs", "set_queue_attributes", QueueUrl=resource.physical_id, Attributes=attributes)
        return resource


@dataclass(frozen=True, kw_only=True)
class _AttachedPolicy(ResourceType):
    """A policy that is attached to each queue or topic of a list.

    Attributes
    ----------
    targets
        Property that holds the list.
    request_for
        Returns the arguments of the call for one target and a policy.
    is_removable
        Whether the policy can be removed; a topic always has one.
    """

    targets: str
    request_for: Callable[[str, Any], dict[str, Any]]
    is_removable: bool

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        """Set the policy of each target."""
        return self.update(context, PhysicalResource(context.generated_name()), properties, {})

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Overwrite the policy of each target."""
        self._set(context, properties, properties["PolicyDocument"])
        return resource

    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Remove the policy of each target, if it can be removed."""
        if self.is_removable:
            self._set(context, properties, "")

    def _set(self, context: Context, properties: Properties, policy: Any) -> None:
        for target in properties[self.targets]:
            context.call(self.service, self.calls, **self.request_for(target, policy))


class _Topic(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update the display name and the key."""
        for name in ("DisplayName", "KmsMasterKeyId"):
            value = properties.get(name, "")
            if value != before.get(name, ""):
                attribute = _topic_attribute(name, value)
                context.call("sns", "set_topic_attributes", TopicArn=resource.physical_id, **attribute)
        return resource


class _DeliveryStream(ResourceType):
    @property
    def service(self) -> str:
        """boto3's name of the service."""
        return "firehose"

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update the destination."""
        name = {"DeliveryStreamName": resource.physical_id}
        found = context.call("firehose", "describe_delivery_stream", **name)["DeliveryStreamDescription"]
        context.call(
            "firehose",
            "update_destination",
            **name,
            CurrentDeliveryStreamVersionId=found["VersionId"],
            DestinationId=found["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=properties["ExtendedS3DestinationConfiguration"],
        )
        return resource


class _Budget(ResourceType):
    def request(self, context: Context, properties: Properties) -> dict[str, Any]:
        """Return the arguments of create_budget."""
        tags = [{"Key": key, "Value": value} for key, value in context.tags.items()]
        return {"AccountId": context.account, **properties, "ResourceTags": tags or None}

    def check(self, properties: Properties) -> None:
        """Raise ResourceError for an unsupported property, or a budget without a name."""
        super().check(properties)
        if "BudgetName" not in properties["Budget"]:
            raise ResourceError("Property BudgetName of AWS::Budgets::Budget cannot be empty on local AWS.")

    def describe(self, context: Context, values: Properties) -> PhysicalResource:
        """Return the budget's name."""
        return PhysicalResource(values["Budget"]["BudgetName"])

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Replace the budget; moto cannot update one."""
        self.delete(context, resource, before)
        return self.create(context, properties)

    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Delete the budget."""
        name = {"AccountId": context.account, "BudgetName": resource.physical_id}
        context.call("budgets", "delete_budget", **name)


def _topic_attribute(name: str, value: Any) -> dict[str, Any]:
    return {"AttributeName": name, "AttributeValue": value}


def _bucket_exists(context: Context, name: str) -> bool:
    return any(bucket["Name"] == name for bucket in context.look("s3", "list_buckets")["Buckets"])


def _queue_exists(context: Context, name: str) -> bool:
    try:
        context.look("sqs", "get_queue_url", QueueName=name)
    except ClientError as error:
        if "NonExistentQueue" in error.response["Error"]["Code"]:
            return False
        raise
    return True


def _topic_exists(context: Context, name: str) -> bool:
    topics = context.look("sns", "list_topics")["Topics"]
    return any(topic["TopicArn"].rpartition(":")[2] == name for topic in topics)


TYPES: tuple[ResourceType, ...] = (
    _Bucket(
        name="AWS::S3::Bucket",
        schema="BucketName! BucketEncryption LifecycleConfiguration NotificationConfiguration"
        " OwnershipControls PublicAccessBlockConfiguration VersioningConfiguration",
        calls="create_bucket delete_bucket",
        name_property="BucketName",
        is_taken=_bucket_exists,
        created_with="BucketName",
        physical_id="{BucketName}",
        attributes={
            "Arn": "arn:aws:s3:::{physical_id}",
            "DomainName": "{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": "{physical_id}.s3.{region}.amazonaws.com",
        },
        ids={"Bucket": "{physical_id}"},
    ),
    ResourceType(
        name="AWS::S3::BucketPolicy",
        schema="Bucket*! PolicyDocument*",
        calls="put_bucket_policy put_bucket_policy delete_bucket_policy",
        arguments={"PolicyDocument": "Policy"},
        physical_id="{Bucket}",
        ids={"Bucket": "{physical_id}"},
    ),
    ResourceType(
        name="AWS::SageMaker::ModelPackageGroup",
        schema="ModelPackageGroupName*! ModelPackageGroupDescription!",
        calls="create_model_package_group delete_model_package_group",
        physical_id="{ModelPackageGroupArn}",
        attributes={"ModelPackageGroupArn": "{ModelPackageGroupArn}"},
        ids={"ModelPackageGroupName": "{ModelPackageGroupName}"},
    ),
    _Parameter(
        name="AWS::SSM::Parameter",
        schema="Name! Type* Value* AllowedPattern Description",
        calls="put_parameter put_parameter delete_parameter",
        name_property="Name",
        physical_id="{Name}",
        attributes={"Type": "{Type}", "Value": "{Value}"},
        ids={"Name": "{physical_id}"},
        update_with={"Overwrite": True},
    ),
    _Queue(
        name="AWS::SQS::Queue",
        schema="QueueName! MessageRetentionPeriod SqsManagedSseEnabled VisibilityTimeout",
        calls="create_queue delete_queue",
        name_property="QueueName",
        longest_name=80,
        is_taken=_queue_exists,
        physical_id="{QueueUrl}",
        attributes={
            "Arn": "arn:aws:sqs:{region}:{account}:{QueueName}",
            "QueueName": "{QueueName}",
            "QueueUrl": "{QueueUrl}",
        },
        ids={"QueueUrl": "{physical_id}"},
    ),
    _AttachedPolicy(
        name="AWS::SQS::QueuePolicy",
        schema="Queues*! PolicyDocument*",
        calls="set_queue_attributes",
        targets="Queues",
        request_for=lambda url, policy: {"QueueUrl": url, "Attributes": {"Policy": policy}},
        is_removable=True,
    ),
    _DeliveryStream(
        name="AWS::KinesisFirehose::DeliveryStream",
        schema="DeliveryStreamName! DeliveryStreamType! ExtendedS3DestinationConfiguration*",
        calls="create_delivery_stream delete_delivery_stream",
        name_property="DeliveryStreamName",
        physical_id="{DeliveryStreamName}",
        attributes={"Arn": "{DeliveryStreamARN}"},
        ids={"DeliveryStreamName": "{physical_id}"},
    ),
    _Budget(
        name="AWS::Budgets::Budget",
        schema="Budget* NotificationsWithSubscribers!",
        calls="create_budget delete_budget",
    ),
    _Topic(
        name="AWS::SNS::Topic",
        schema="TopicName! DisplayName KmsMasterKeyId",
        calls="create_topic delete_topic",
        name_property="TopicName",
        longest_name=256,
        is_taken=_topic_exists,
        arguments={"TopicName": "Name"},
        created_with="TopicName",
        physical_id="{TopicArn}",
        attributes={"TopicArn": "{TopicArn}", "TopicName": "{TopicName}"},
        ids={"TopicArn": "{physical_id}"},
    ),
    _AttachedPolicy(
        name="AWS::SNS::TopicPolicy",
        schema="Topics*! PolicyDocument*",
        calls="set_topic_attributes",
        targets="Topics",
        request_for=lambda arn, policy: {"TopicArn": arn, **_topic_attribute("Policy", policy)},
        is_removable=False,
    ),
    ResourceType(
        name="AWS::SNS::Subscription",
        schema="Protocol*! TopicArn*! Endpoint!",
        calls="subscribe unsubscribe",
        create_with={"ReturnSubscriptionArn": True},
        physical_id="{SubscriptionArn}",
        attributes={"Arn": "{SubscriptionArn}"},
        ids={"SubscriptionArn": "{physical_id}"},
    ),
)
