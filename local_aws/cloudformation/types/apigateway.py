"""CloudFormation's resource types of API Gateway (REST APIs)."""
# ruff: noqa: ARG002 - every type has the same methods, and not every one needs all it is told

from collections.abc import Mapping
from typing import Any, ClassVar

from local_aws.cloudformation.types.resource import Context, Made, Properties, ResourceError, ResourceType


class RestApi(ResourceType):
    """AWS::ApiGateway::RestApi, declared by its parts (no OpenAPI body)."""

    name = "AWS::ApiGateway::RestApi"
    properties = frozenset({"Name", "Description", "ApiKeySourceType", "EndpointConfiguration"})
    required = frozenset({"Name"})
    replacing = frozenset({"EndpointConfiguration"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the API, with nothing but its root resource."""
        api = context.call(
            "apigateway",
            "create_rest_api",
            name=properties["Name"],
            description=properties.get("Description"),
            apiKeySource=properties.get("ApiKeySourceType"),
            endpointConfiguration=properties.get("EndpointConfiguration"),
        )
        return Made(api["id"], {"RestApiId": api["id"], "RootResourceId": api["rootResourceId"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change name, description or where the key is read from."""
        paths = {"Name": "/name", "Description": "/description", "ApiKeySourceType": "/apiKeySource"}
        operations = _replacements(paths, properties, before)
        context.call("apigateway", "update_rest_api", restApiId=made.physical_id, patchOperations=operations)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the API and all within it."""
        context.call("apigateway", "delete_rest_api", restApiId=made.physical_id)


class Resource(ResourceType):
    """AWS::ApiGateway::Resource: one segment of a path."""

    name = "AWS::ApiGateway::Resource"
    properties = frozenset({"ParentId", "PathPart", "RestApiId"})
    required = properties
    replacing = properties

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the resource beneath its parent."""
        resource = context.call("apigateway", "create_resource", **properties)
        return Made(resource["id"], {"ResourceId": resource["id"]})

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the resource."""
        api = properties["RestApiId"]
        context.call("apigateway", "delete_resource", restApiId=api, resourceId=made.physical_id)


class Method(ResourceType):
    """AWS::ApiGateway::Method with its integration."""

    name = "AWS::ApiGateway::Method"
    properties = frozenset(
        {"ApiKeyRequired", "AuthorizationType", "HttpMethod", "Integration", "RequestParameters"}
        | {"RequestValidatorId", "ResourceId", "RestApiId"}
    )
    required = frozenset({"HttpMethod", "ResourceId", "RestApiId"})
    replacing = frozenset({"HttpMethod", "ResourceId", "RestApiId"})
    integration: ClassVar[frozenset[str]] = frozenset({"IntegrationHttpMethod", "Type", "Uri"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the method, then its integration."""
        integration = properties.get("Integration", {})
        unknown = sorted(set(integration) - self.integration)
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} of an Integration")
        place = {key: properties[key] for key in ("RestApiId", "ResourceId", "HttpMethod")}
        method = {key: value for key, value in properties.items() if key != "Integration"}
        method["authorizationType"] = method.pop("AuthorizationType", "NONE")
        context.call("apigateway", "put_method", **method)
        made = context.exists(Made("-".join(place.values())))
        if integration:
            context.call("apigateway", "put_integration", **place, **integration)
        return made

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the method anew."""
        self.delete(context, made, before)
        return self.create(context, properties)

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the method."""
        place = {key: properties[key] for key in ("RestApiId", "ResourceId", "HttpMethod")}
        context.call("apigateway", "delete_method", **place)


class RequestValidator(ResourceType):
    """AWS::ApiGateway::RequestValidator."""

    name = "AWS::ApiGateway::RequestValidator"
    properties = frozenset({"Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters"})
    required = frozenset({"RestApiId"})
    replacing = frozenset({"Name", "RestApiId"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the validator."""
        validator = context.call("apigateway", "create_request_validator", **properties)
        return Made(validator["id"], {"RequestValidatorId": validator["id"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change what is validated."""
        paths = {
            "ValidateRequestBody": "/validateRequestBody",
            "ValidateRequestParameters": "/validateRequestParameters",
        }
        context.call(
            "apigateway",
            "update_request_validator",
            restApiId=properties["RestApiId"],
            requestValidatorId=made.physical_id,
            patchOperations=_replacements(paths, properties, before),
        )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the validator."""
        api = properties["RestApiId"]
        context.call(
            "apigateway", "delete_request_validator", restApiId=api, requestValidatorId=made.physical_id
        )


class GatewayResponse(ResourceType):
    """AWS::ApiGateway::GatewayResponse."""

    name = "AWS::ApiGateway::GatewayResponse"
    properties = frozenset(
        {"ResponseParameters", "ResponseTemplates", "ResponseType", "RestApiId", "StatusCode"}
    )
    required = frozenset({"ResponseType", "RestApiId"})
    replacing = frozenset({"ResponseType", "RestApiId"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the response."""
        context.call("apigateway", "put_gateway_response", **properties)
        return Made(f"{properties['RestApiId']}-{properties['ResponseType']}")

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Put the response over the old one."""
        return self.create(context, properties)

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Go back to the gateway's own response."""
        place = {key: properties[key] for key in ("RestApiId", "ResponseType")}
        context.call("apigateway", "delete_gateway_response", **place)


class Deployment(ResourceType):
    """AWS::ApiGateway::Deployment: a snapshot of the API as it is."""

    name = "AWS::ApiGateway::Deployment"
    properties = frozenset({"Description", "RestApiId"})
    required = frozenset({"RestApiId"})
    replacing = frozenset({"RestApiId"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the snapshot."""
        deployment = context.call("apigateway", "create_deployment", **properties)
        return Made(deployment["id"], {"DeploymentId": deployment["id"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change the description; the snapshot stays as it was."""
        api, paths = properties["RestApiId"], {"Description": "/description"}
        operations = _replacements(paths, properties, before)
        context.call(
            "apigateway",
            "update_deployment",
            restApiId=api,
            deploymentId=made.physical_id,
            patchOperations=operations,
        )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the snapshot, unless a stage still serves it."""
        api = properties["RestApiId"]
        stages = context.call("apigateway", "get_stages", restApiId=api)["item"]
        serving = [stage["stageName"] for stage in stages if stage["deploymentId"] == made.physical_id]
        if serving:
            raise ResourceError(
                f"Active stages pointing to this deployment must be moved or deleted: {serving}"
            )
        context.call("apigateway", "delete_deployment", restApiId=api, deploymentId=made.physical_id)


class Stage(ResourceType):
    """AWS::ApiGateway::Stage with access logs and method settings."""

    name = "AWS::ApiGateway::Stage"
    properties = frozenset({"AccessLogSetting", "DeploymentId", "MethodSettings", "RestApiId", "StageName"})
    required = frozenset({"DeploymentId", "RestApiId", "StageName"})
    replacing = frozenset({"RestApiId", "StageName"})
    settings: ClassVar[Mapping[str, str]] = {
        "LoggingLevel": "logging/loglevel",
        "MetricsEnabled": "metrics/enabled",
        "ThrottlingBurstLimit": "throttling/burstLimit",
        "ThrottlingRateLimit": "throttling/rateLimit",
    }

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the stage, then its settings."""
        place = {key: properties[key] for key in ("RestApiId", "StageName")}
        context.call("apigateway", "create_stage", **place, deploymentId=properties["DeploymentId"])
        made = context.exists(Made(properties["StageName"]))
        return self.update(context, made, properties, {**place, "DeploymentId": properties["DeploymentId"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Bring deployment, access logs and method settings to what is wanted."""
        wanted, present = self._paths(properties), self._paths(before)
        gone = sorted(set(present) - set(wanted))
        if gone:
            raise ResourceError(f"Local AWS can't take a setting off a stage: {', '.join(gone)}")
        operations = [
            {"op": "replace", "path": path, "value": value}
            for path, value in wanted.items()
            if present.get(path) != value
        ]
        if operations:
            context.call(
                "apigateway",
                "update_stage",
                restApiId=properties["RestApiId"],
                stageName=properties["StageName"],
                patchOperations=operations,
            )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the stage."""
        place = {key: properties[key] for key in ("RestApiId", "StageName")}
        context.call("apigateway", "delete_stage", **place)

    def _paths(self, properties: Properties) -> dict[str, str]:
        logs = properties.get("AccessLogSetting", {})
        paths = {f"/accessLogSettings/{key[0].lower()}{key[1:]}": value for key, value in logs.items()}
        paths["/deploymentId"] = properties["DeploymentId"]
        for setting in properties.get("MethodSettings", []):
            path = setting["ResourcePath"]
            resource = "*" if path == "/*" else path.lstrip("/").replace("/", "~1")
            for key, value in setting.items():
                if key in {"HttpMethod", "ResourcePath"}:
                    continue
                if key not in self.settings:
                    raise ResourceError(
                        f"Encountered unsupported method setting {key}; "
                        f"local AWS knows {', '.join(self.settings)}"
                    )
                paths[f"/{resource}/{setting['HttpMethod']}/{self.settings[key]}"] = _text(value)
        return paths


class ApiKey(ResourceType):
    """AWS::ApiGateway::ApiKey."""

    name = "AWS::ApiGateway::ApiKey"
    properties = frozenset({"Description", "Enabled", "Name", "Value"})
    replacing = frozenset({"Name", "Value"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the key; API Gateway chooses its value where none is given."""
        wanted = {"Name": context.generated_name(), **properties}
        key = context.call("apigateway", "create_api_key", **wanted)
        return Made(key["id"], {"APIKeyId": key["id"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Switch the key on or off, or change its description."""
        paths = {"Description": "/description", "Enabled": "/enabled"}
        operations = _replacements(paths, properties, before)
        context.call("apigateway", "update_api_key", apiKey=made.physical_id, patchOperations=operations)
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the key."""
        context.call("apigateway", "delete_api_key", apiKey=made.physical_id)


class UsagePlan(ResourceType):
    """AWS::ApiGateway::UsagePlan."""

    name = "AWS::ApiGateway::UsagePlan"
    properties = frozenset({"ApiStages", "Description", "Quota", "Throttle", "UsagePlanName"})

    def create(self, context: Context, properties: Properties) -> Made:
        """Make the plan over its stages."""
        wanted = {key: value for key, value in properties.items() if key != "UsagePlanName"}
        name = properties.get("UsagePlanName", context.generated_name())
        plan = context.call("apigateway", "create_usage_plan", name=name, **wanted)
        return Made(plan["id"], {"Id": plan["id"]})

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Change names, stages and limits in place, so that the clients' keys stay valid."""
        operations = _replacements(
            {"Description": "/description", "UsagePlanName": "/name"}, properties, before
        )
        for section, key, path in (
            ("Throttle", "RateLimit", "/throttle/rateLimit"),
            ("Throttle", "BurstLimit", "/throttle/burstLimit"),
            ("Quota", "Limit", "/quota/limit"),
            ("Quota", "Period", "/quota/period"),
        ):
            paths = {key: path}
            operations += _replacements(paths, properties.get(section, {}), before.get(section, {}))
        old, new = (
            {f"{stage['ApiId']}:{stage['Stage']}" for stage in side.get("ApiStages", [])}
            for side in (before, properties)
        )
        operations += [{"op": "remove", "path": "/apiStages", "value": stage} for stage in sorted(old - new)]
        operations += [{"op": "add", "path": "/apiStages", "value": stage} for stage in sorted(new - old)]
        context.call(
            "apigateway", "update_usage_plan", usagePlanId=made.physical_id, patchOperations=operations
        )
        return made

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Remove the plan."""
        context.call("apigateway", "delete_usage_plan", usagePlanId=made.physical_id)


class UsagePlanKey(ResourceType):
    """AWS::ApiGateway::UsagePlanKey: a key that a plan meters."""

    name = "AWS::ApiGateway::UsagePlanKey"
    properties = frozenset({"KeyId", "KeyType", "UsagePlanId"})
    required = properties
    replacing = properties

    def create(self, context: Context, properties: Properties) -> Made:
        """Put the key under the plan."""
        context.call("apigateway", "create_usage_plan_key", **properties)
        return Made(f"{properties['KeyId']}:{properties['UsagePlanId']}")

    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Take the key off the plan."""
        plan = properties["UsagePlanId"]
        context.call("apigateway", "delete_usage_plan_key", usagePlanId=plan, keyId=properties["KeyId"])


def _replacements(
    paths: Mapping[str, str], properties: Mapping[str, Any], before: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return the patch operations that bring the changed properties to their new values."""
    return [
        {"op": "replace", "path": path, "value": _text(properties.get(key, ""))}
        for key, path in paths.items()
        if properties.get(key) != before.get(key)
    ]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


TYPES: tuple[ResourceType, ...] = (
    RestApi(),
    Resource(),
    Method(),
    RequestValidator(),
    GatewayResponse(),
    Deployment(),
    Stage(),
    ApiKey(),
    UsagePlan(),
    UsagePlanKey(),
)
