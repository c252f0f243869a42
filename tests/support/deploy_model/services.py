"""In-memory fakes of the clients of SageMaker, S3 and other services, with the state in an Aws."""

# ruff: noqa: ARG002 - the fakes have the parameters of the calls they replace

from __future__ import annotations

import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

if TYPE_CHECKING:
    from support.deploy_model.aws import Aws

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"


def error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class SageMaker:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def list_model_packages(self, **_: Any) -> list[dict[str, Any]]:
        newest_first = sorted(self._aws.packages.values(), key=lambda p: -p["ModelPackageVersion"])
        return [{"ModelPackageSummaryList": [package]} for package in newest_first]  # One item per page.

    def list_endpoint_configs(self, NameContains: str, **_: Any) -> list[dict[str, Any]]:
        names = [name for name in reversed(self._aws.configs) if NameContains in name]
        return [{"EndpointConfigs": [{"EndpointConfigName": name}]} for name in names]

    def list_models(self, NameContains: str, **_: Any) -> list[dict[str, Any]]:
        names = [name for name in reversed(self._aws.models) if NameContains in name]
        return [{"Models": [{"ModelName": name}]} for name in names]

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        return self._aws.packages[ModelPackageName.rpartition("/")[2]]

    def update_model_package(
        self,
        ModelPackageArn: str,
        CustomerMetadataProperties: dict[str, str] | None = None,
        CustomerMetadataPropertiesToRemove: list[str] | None = None,
    ) -> None:
        metadata = self.describe_model_package(ModelPackageArn)["CustomerMetadataProperties"]
        metadata.update(CustomerMetadataProperties or {})
        for key in CustomerMetadataPropertiesToRemove or []:
            del metadata[key]

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        if self._aws.endpoint is None:
            raise error(
                "ValidationException", f'Could not find endpoint "{EndpointName}".', "DescribeEndpoint"
            )
        return dict(self._aws.endpoint)

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._aws.tags.items()]}

    def add_tags(self, ResourceArn: str, Tags: list[dict[str, str]]) -> None:
        self._aws.tags.update({tag["Key"]: tag["Value"] for tag in Tags})

    def delete_tags(self, ResourceArn: str, TagKeys: list[str]) -> None:
        for key in TagKeys:
            self._aws.tags.pop(key, None)

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        return self._find(self._aws.configs, EndpointConfigName, "endpoint configuration")

    def describe_model(self, ModelName: str) -> dict[str, Any]:
        return self._find(self._aws.models, ModelName, "model")

    def create_model(self, **request: Any) -> None:
        self._create(self._aws.models, request["ModelName"], request)

    def create_endpoint_config(self, **request: Any) -> None:
        for variant in request["ProductionVariants"]:
            model = self.describe_model(variant["ModelName"])
            if "ServerlessConfig" in variant and model["EnableNetworkIsolation"]:
                raise error(
                    "ValidationException", "Network isolation is not supported.", "CreateEndpointConfig"
                )
        self._create(self._aws.configs, request["EndpointConfigName"], request)

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: list[dict[str, str]]) -> None:
        if self._aws.endpoint is not None:
            raise error("ValidationException", "Cannot create already existing endpoint", "CreateEndpoint")
        self.describe_endpoint_config(EndpointConfigName)
        self._aws.endpoint = {
            "EndpointName": EndpointName,
            "EndpointArn": f"{ARN}:endpoint/{EndpointName}",
            "EndpointConfigName": EndpointConfigName,
            "EndpointStatus": "Creating",
            "ProductionVariants": [
                {"CurrentInstanceCount": each.get("InitialInstanceCount", 0)}
                for each in self._aws.configs[EndpointConfigName]["ProductionVariants"]
            ],
        }
        self._aws.tags = {tag["Key"]: tag["Value"] for tag in Tags}

    def update_endpoint(
        self,
        EndpointName: str,
        EndpointConfigName: str,
        RetainAllVariantProperties: bool,
        DeploymentConfig: dict[str, Any] | None = None,
    ) -> None:
        endpoint = self._aws.endpoint
        if endpoint is None or endpoint["EndpointStatus"] != "InService":
            raise error("ValidationException", "Cannot update in-progress endpoint", "UpdateEndpoint")
        new = self.describe_endpoint_config(EndpointConfigName)["ProductionVariants"][0]
        old = self._aws.configs.get(endpoint["EndpointConfigName"])
        if old and ("ServerlessConfig" in old["ProductionVariants"][0]) != ("ServerlessConfig" in new):
            raise error("ValidationException", "Cannot change the mode of an endpoint", "UpdateEndpoint")
        same = old and old["ProductionVariants"][0].get("InstanceType") == new.get("InstanceType")
        if self._aws.scaling and not same:
            raise error("ValidationException", "must be deregistered as scalable targets", "UpdateEndpoint")
        count = new.get("InitialInstanceCount", 0)
        if RetainAllVariantProperties:
            count = endpoint["ProductionVariants"][0]["CurrentInstanceCount"]
        self._check_deployment(DeploymentConfig, count)
        self._aws.retained = RetainAllVariantProperties
        self._aws.deployments.append(DeploymentConfig)
        endpoint |= {
            "EndpointStatus": "Updating",
            "PendingDeploymentSummary": {
                "EndpointConfigName": EndpointConfigName,
                "ProductionVariants": [{"DesiredInstanceCount": count}],
            },
        }

    def _check_deployment(self, config: dict[str, Any] | None, instances: int) -> None:
        """Check what SageMaker documents: the alarms exist, and a canary is at most half of the fleet."""
        if config is None:
            return
        for alarm in config["AutoRollbackConfiguration"]["Alarms"]:
            assert alarm["AlarmName"] in self._aws.alarms
        canary = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"].get("CanarySize")
        assert canary is None or canary["Value"] * 2 <= instances

    def delete_endpoint(self, EndpointName: str) -> None:
        endpoint = self._aws.endpoint
        if endpoint is None or endpoint["EndpointStatus"] in ("Creating", "Updating", "Deleting"):
            raise error("ValidationException", "Cannot delete endpoint", "DeleteEndpoint")
        endpoint["EndpointStatus"] = "Deleting"
        self._aws.scaling = None

    def delete_endpoint_config(self, EndpointConfigName: str) -> None:
        self.describe_endpoint_config(EndpointConfigName)
        del self._aws.configs[EndpointConfigName]

    def delete_model(self, ModelName: str) -> None:
        self.describe_model(ModelName)
        del self._aws.models[ModelName]

    @staticmethod
    def _find(things: dict[str, dict[str, Any]], name: str, kind: str) -> dict[str, Any]:
        if name not in things:
            raise error("ValidationException", f'Could not find {kind} "{name}".', "Describe")
        return things[name]

    @staticmethod
    def _create(things: dict[str, dict[str, Any]], name: str, request: dict[str, Any]) -> None:
        if name in things:
            raise error("ValidationException", f"Cannot create already existing {name}", "Create")
        things[name] = request


class Runtime:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def invoke_endpoint(
        self, EndpointName: str, ContentType: str, Accept: str, Body: bytes
    ) -> dict[str, Any]:
        version = next(self._aws.answering, self._aws.serving())
        if version is None or self._aws.silent:
            raise error("ModelError", "The model does not answer.", "InvokeEndpoint")
        request = json.loads(Body)
        assert request["instances"] == [[0.5, 0.25]]
        probability = 0.9 if version in self._aws.wrong_answers else int(version) / 1000
        answer = {
            "predictions": [{"probability": {"bankrupt": probability, "not_bankrupt": 1 - probability}}],
            "model": {"version": version, "contract": request["contract"]},
        }
        return {"Body": io.BytesIO(json.dumps(answer).encode())}


class CloudWatch:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def put_metric_alarm(self, **request: Any) -> None:
        known = self._aws.alarms.get(request["AlarmName"], {"StateValue": "INSUFFICIENT_DATA"})
        self._aws.alarms[request["AlarmName"]] = {**request, "StateValue": known["StateValue"]}

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:
        return {"MetricAlarms": [self._aws.alarms[name] for name in AlarmNames if name in self._aws.alarms]}

    def delete_alarms(self, AlarmNames: list[str]) -> None:
        missing = [name for name in AlarmNames if self._aws.alarms.pop(name, None) is None]
        if missing:
            raise error("ResourceNotFound", f"Unknown alarms: {missing}", "DeleteAlarms")


class AutoScaling:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def register_scalable_target(self, **request: Any) -> None:
        assert self._aws.endpoint is not None, "only an endpoint in service can be registered"
        assert request["ResourceId"] == "endpoint/bankruptcy/variant/AllTraffic"
        bounds = {"min": request["MinCapacity"], "max": request["MaxCapacity"]}
        self._aws.scaling = {**(self._aws.scaling or {}), **bounds}

    def put_scaling_policy(self, **request: Any) -> None:
        assert self._aws.scaling is not None
        configuration = request["TargetTrackingScalingPolicyConfiguration"]
        self._aws.scaling["target"] = configuration["TargetValue"]

    def deregister_scalable_target(self, **_: Any) -> None:
        if self._aws.scaling is None:
            raise error("ObjectNotFoundException", "No scalable target found", "DeregisterScalableTarget")
        self._aws.scaling = None


class S3:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert Bucket == self._aws.bucket
        if Key not in self._aws.objects:
            raise error(self._aws.missing_key, "The specified key does not exist.", "GetObject")
        content = self._aws.objects[Key]
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), "ETag": self._etag(content)}

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        assert Bucket == self._aws.bucket
        found = [{"Key": key} for key in sorted(self._aws.objects) if key.startswith(Prefix)][:MaxKeys]
        return {"Contents": found} if found else {}

    def copy_object(self, Bucket: str, Key: str, CopySource: dict[str, str], CopySourceIfMatch: str) -> None:
        assert Bucket == CopySource["Bucket"] == self._aws.bucket
        content = self._aws.objects[CopySource["Key"]]
        if self._etag(content) != CopySourceIfMatch:
            raise error("PreconditionFailed", "A condition does not hold.", "CopyObject")
        self._aws.objects[Key] = content

    def put_object(self, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        self._aws.objects[Key] = Body

    @staticmethod
    def _etag(content: bytes) -> str:
        return f'"{hashlib.sha256(content).hexdigest()}"'


class Ssm:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def get_parameter(self, Name: str) -> dict[str, Any]:
        return {"Parameter": {"Value": self._aws.parameters[Name]}}
