"""CloudFormation's resource types of S3, SageMaker, SSM, SQS and SNS."""
# ruff: noqa: ARG002 - every type has the same methods, and not every one needs all it is told

import json
from typing import Any

from botocore.exceptions import ClientError

from local_aws.cloudformation.types.resource import Context, Made, Properties, ResourceError, ResourceType


class Bucket(ResourceType):
    """AWS::S3::Bucket."""

    name = "AWS::S3::Bucket"
    properties = frozenset(
        {"BucketEncryption", "BucketName", "LifecycleConfiguration", "OwnershipControls"}
        | {"PublicAccessBlockConfiguration", "VersioningConfiguration"}
    )
    replacing = frozenset({"BucketName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the bucket, then everything about it."""
        bucket = properties.get("BucketName", context.generated_name(63).lower())
        if any(b["Name"] == bucket for b in context.call("s3", "list_buckets")["Buckets"]):
            raise ResourceError(f"{bucket} already exists")
        home = None if context.region == "us-east-1" else {"LocationConstraint": context.region}
        context.call("s3", "create_bucket", Bucket=bucket, CreateBucketConfiguration=home)
        attributes = {
            "Arn": f"arn:aws:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{context.region}.amazonaws.com",
        }
        return self.update(context, context.exists(Made(bucket, attributes)), properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put what changed; take off what is no longer wanted."""
        bucket = made.physical_id
        puts: dict[str, tuple[str, str, str, Any]] = {
            "BucketEncryption": (
                "put_bucket_encryption",
                "delete_bucket_encryption",
                "ServerSideEncryptionConfiguration",
                _encryption,
            ),
            "PublicAccessBlockConfiguration": (
                "put_public_access_block",
                "delete_public_access_block",
                "PublicAccessBlockConfiguration",
                dict,
            ),
            "OwnershipControls": (
                "put_bucket_ownership_controls",
                "delete_bucket_ownership_controls",
                "OwnershipControls",
                dict,
            ),
            "LifecycleConfiguration": (
                "put_bucket_lifecycle_configuration",
                "delete_bucket_lifecycle",
                "LifecycleConfiguration",
                _lifecycle,
            ),
        }
        for name, (put, remove, argument, convert) in puts.items():
            if properties.get(name) == before.get(name):
                continue
            if name in properties:
                context.call("s3", put, **{"Bucket": bucket, argument: convert(properties[name])})
            else:
                context.call("s3", remove, Bucket=bucket)
        versioning = properties.get("VersioningConfiguration")
        if versioning != before.get("VersioningConfiguration"):
            wanted = versioning or {"Status": "Suspended"}
            context.call("s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration=wanted)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the bucket, which must be empty."""
        context.call("s3", "delete_bucket", Bucket=made.physical_id)


def _encryption(configuration: Properties) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": rules}


def _lifecycle(configuration: Properties) -> dict[str, Any]:
    """Write the rules as the API has them: CloudFormation's older names differ."""
    known = {"AbortIncompleteMultipartUpload", "ExpirationInDays", "Id", "NoncurrentVersionExpiration"} | {
        "Prefix",
        "Status",
    }
    rules = []
    for rule in configuration["Rules"]:
        unknown = sorted(set(rule) - known)
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


class BucketPolicy(ResourceType):
    """AWS::S3::BucketPolicy."""

    name = "AWS::S3::BucketPolicy"
    properties = frozenset({"Bucket", "PolicyDocument"})
    required = properties
    replacing = frozenset({"Bucket"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the policy."""
        policy = json.dumps(properties["PolicyDocument"])
        context.call("s3", "put_bucket_policy", Bucket=properties["Bucket"], Policy=policy)
        return Made(properties["Bucket"])

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the policy over the old one."""
        return self.create(context, properties)

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Take the policy off the bucket."""
        context.call("s3", "delete_bucket_policy", Bucket=made.physical_id)


class ModelPackageGroup(ResourceType):
    """AWS::SageMaker::ModelPackageGroup."""

    name = "AWS::SageMaker::ModelPackageGroup"
    properties = frozenset({"ModelPackageGroupDescription", "ModelPackageGroupName"})
    required = frozenset({"ModelPackageGroupName"})
    replacing = properties

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the group."""
        group = context.call("sagemaker", "create_model_package_group", **properties)
        arn = group["ModelPackageGroupArn"]
        return Made(arn, {"ModelPackageGroupArn": arn})

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the group, which must be empty."""
        group = properties["ModelPackageGroupName"]
        context.call("sagemaker", "delete_model_package_group", ModelPackageGroupName=group)


class Parameter(ResourceType):
    """AWS::SSM::Parameter."""

    name = "AWS::SSM::Parameter"
    properties = frozenset({"AllowedPattern", "Description", "Name", "Type", "Value"})
    required = frozenset({"Type", "Value"})
    replacing = frozenset({"Name"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the parameter."""
        name = properties.get("Name", context.generated_name())
        context.call("ssm", "put_parameter", **{**properties, "Name": name})
        return Made(name, {"Type": properties["Type"], "Value": properties["Value"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Overwrite the parameter."""
        context.call("ssm", "put_parameter", **{**properties, "Name": made.physical_id, "Overwrite": True})
        return Made(made.physical_id, {"Type": properties["Type"], "Value": properties["Value"]})

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the parameter."""
        context.call("ssm", "delete_parameter", Name=made.physical_id)


class Queue(ResourceType):
    """AWS::SQS::Queue."""

    name = "AWS::SQS::Queue"
    properties = frozenset(
        {"MessageRetentionPeriod", "QueueName", "SqsManagedSseEnabled", "VisibilityTimeout"}
    )
    replacing = frozenset({"QueueName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the queue."""
        name = properties.get("QueueName", context.generated_name(80))
        try:
            context.call("sqs", "get_queue_url", QueueName=name)
        except ClientError as error:
            if "NonExistentQueue" not in error.response["Error"]["Code"]:
                raise
        else:
            raise ResourceError(f"Queue {name} already exists")
        attributes = {key: value for key, value in properties.items() if key != "QueueName"}
        url = context.call("sqs", "create_queue", QueueName=name, Attributes=attributes)["QueueUrl"]
        return Made(url, {"Arn": context.arn("sqs", name), "QueueName": name, "QueueUrl": url})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Set the attributes anew; what a template no longer sets has its default."""
        defaults = {"MessageRetentionPeriod": 345600, "SqsManagedSseEnabled": True, "VisibilityTimeout": 30}
        wanted = {key: properties.get(key, default) for key, default in defaults.items()}
        context.call("sqs", "set_queue_attributes", QueueUrl=made.physical_id, Attributes=wanted)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the queue and its messages."""
        context.call("sqs", "delete_queue", QueueUrl=made.physical_id)


class QueuePolicy(ResourceType):
    """AWS::SQS::QueuePolicy."""

    name = "AWS::SQS::QueuePolicy"
    properties = frozenset({"PolicyDocument", "Queues"})
    required = properties
    replacing = frozenset({"Queues"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the policy on the queues."""
        self._put(context, properties, json.dumps(properties["PolicyDocument"]))
        return Made(context.generated_name())

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the policy over the old one."""
        self._put(context, properties, json.dumps(properties["PolicyDocument"]))
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Take the policy off the queues."""
        self._put(context, properties, "")

    def _put(self, context: Context, properties: Properties, policy: str) -> None:
        for url in properties["Queues"]:
            context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})


class Topic(ResourceType):
    """AWS::SNS::Topic."""

    name = "AWS::SNS::Topic"
    properties = frozenset({"DisplayName", "TopicName"})
    replacing = frozenset({"TopicName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the topic."""
        name = properties.get("TopicName", context.generated_name(256))
        arn = context.arn("sns", name)
        if any(topic["TopicArn"] == arn for topic in context.call("sns", "list_topics")["Topics"]):
            raise ResourceError(f"Topic {name} already exists")
        context.call("sns", "create_topic", Name=name)
        made = context.exists(Made(arn, {"TopicArn": arn, "TopicName": name}))
        return self.update(context, made, properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the name that e-mails show."""
        shown = properties.get("DisplayName", "")
        if shown != before.get("DisplayName", ""):
            context.call(
                "sns",
                "set_topic_attributes",
                TopicArn=made.physical_id,
                AttributeName="DisplayName",
                AttributeValue=shown,
            )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the topic."""
        context.call("sns", "delete_topic", TopicArn=made.physical_id)


class TopicPolicy(ResourceType):
    """AWS::SNS::TopicPolicy."""

    name = "AWS::SNS::TopicPolicy"
    properties = frozenset({"PolicyDocument", "Topics"})
    required = properties
    replacing = frozenset({"Topics"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the policy on the topics."""
        made = Made(context.generated_name())
        return self.update(context, made, properties, {})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the policy over the old one."""
        policy = json.dumps(properties["PolicyDocument"])
        for arn in properties["Topics"]:
            context.call(
                "sns", "set_topic_attributes", TopicArn=arn, AttributeName="Policy", AttributeValue=policy
            )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Leave the policy: a topic always has one, as on AWS, where it goes with the topic."""


class Subscription(ResourceType):
    """AWS::SNS::Subscription."""

    name = "AWS::SNS::Subscription"
    properties = frozenset({"Endpoint", "Protocol", "TopicArn"})
    required = frozenset({"Protocol", "TopicArn"})
    replacing = properties

    def create(self, context: Context, properties: Properties) -> Made:
        """Subscribe."""
        arn = context.call("sns", "subscribe", ReturnSubscriptionArn=True, **properties)["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Unsubscribe."""
        context.call("sns", "unsubscribe", SubscriptionArn=made.physical_id)


TYPES: tuple[ResourceType, ...] = (
    Bucket(),
    BucketPolicy(),
    ModelPackageGroup(),
    Parameter(),
    Queue(),
    QueuePolicy(),
    Topic(),
    TopicPolicy(),
    Subscription(),
)
