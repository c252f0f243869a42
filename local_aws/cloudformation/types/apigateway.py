"""Resource types of API Gateway (REST APIs)."""

from __future__ import annotations

from typing import Any

from local_aws.cloudformation.types.resource import (
    Context,
    Made,
    Properties,
    ResourceError,
    ResourceType,
    names,
)

_METHOD_SETTINGS = {
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}


class _Method(ResourceType):
    def create(self, context: Context, properties: Properties) -> Made:
        """Create the method, then its integration."""
        integration = properties.get("Integration", {})
        unknown = sorted(set(integration) - {"IntegrationHttpMethod", "Type", "Uri"})
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} of an Integration")
        method = {key: value for key, value in properties.items() if key != "Integration"}
        made = super().create(context, {"AuthorizationType": "NONE", **method})
        context.half_made.append(made)
        if integration:
            context.call(self.service, "put_integration", **self._ids(made, properties), **integration)
        return made

    def update(self, context: Context, made: Made, properties: Properties, before: Properties) -> Made:
        """Delete the method and create it again."""
        self.delete(context, made, before)
        return self.create(context, properties)


class _Deployment(ResourceType):
    def delete(self, context: Context, made: Made, properties: Properties) -> None:
        """Delete the deployment, unless a stage still serves it."""
        stages = context.call(self.service, "get_stages", restApiId=properties["RestApiId"])["item"]
        serving = [stage["stageName"] for stage in stages if stage["deploymentId"] == made.physical_id]
        if serving:
            raise ResourceError(
                f"Active stages pointing to this deployment must be moved or deleted: {serving}"
            )
        super().delete(context, made, properties)


class _Stage(ResourceType):
    def patches(self, properties: Properties, before: Properties) -> list[dict[str, Any]]:
        """Return the patch operations for deployment, access logs and method settings."""
        wanted, present = self._settings(properties), self._settings(before)
        removed = sorted(set(present) - set(wanted))
        if removed:
            raise ResourceError(f"Local AWS cannot remove settings of a stage: {', '.join(removed)}")
        return [
            {"op": "replace", "path": path, "value": value}
            for path, value in wanted.items()
            if present.get(path) != value
        ]

    def _settings(self, properties: Properties) -> dict[str, Any]:
        logs = properties.get("AccessLogSetting", {})
        settings = {f"/accessLogSettings/{key[0].lower()}{key[1:]}": value for key, value in logs.items()}
        settings["/deploymentId"] = properties["DeploymentId"]
        for method in properties.get("MethodSettings", []):
            path = method["ResourcePath"]
            resource = "*" if path == "/*" else path.lstrip("/").replace("/", "~1")
            for key in sorted(set(method) - {"HttpMethod", "ResourcePath"}):
                if key not in _METHOD_SETTINGS:
                    raise ResourceError(
                        f"Encountered unsupported method setting {key}; "
                        f"local AWS supports {', '.join(_METHOD_SETTINGS)}"
                    )
                settings[f"/{resource}/{method['HttpMethod']}/{_METHOD_SETTINGS[key]}"] = method[key]
        return settings


class _UsagePlan(ResourceType):
    def patches(self, properties: Properties, before: Properties) -> list[dict[str, Any]]:
        """Return the patch operations for all properties; the plan stays, so clients' keys stay valid."""
        old, new = (
            {f"{stage['ApiId']}:{stage['Stage']}" for stage in side.get("ApiStages", [])}
            for side in (before, properties)
        )
        return [
            *super().patches(properties, before),
            *({"op": "remove", "path": "/apiStages", "value": stage} for stage in sorted(old - new)),
            *({"op": "add", "path": "/apiStages", "value": stage} for stage in sorted(new - old)),
        ]


TYPES: tuple[ResourceType, ...] = (
    ResourceType(
        name="AWS::ApiGateway::RestApi",
        service="apigateway",
        properties=names("ApiKeySourceType Description EndpointConfiguration Name"),
        required=names("Name"),
        replacing=names("EndpointConfiguration"),
        arguments={"ApiKeySourceType": "apiKeySource"},
        create_call="create_rest_api",
        physical_id="{id}",
        attributes={"RestApiId": "{id}", "RootResourceId": "{rootResourceId}"},
        ids={"restApiId": "{physical_id}"},
        update_call="update_rest_api",
        patched={"Name": "/name", "Description": "/description", "ApiKeySourceType": "/apiKeySource"},
        delete_call="delete_rest_api",
    ),
    ResourceType(
        name="AWS::ApiGateway::Resource",
        service="apigateway",
        properties=names("ParentId PathPart RestApiId"),
        required=names("ParentId PathPart RestApiId"),
        replacing=names("ParentId PathPart RestApiId"),
        create_call="create_resource",
        physical_id="{id}",
        attributes={"ResourceId": "{id}"},
        ids={"restApiId": "{RestApiId}", "resourceId": "{physical_id}"},
        delete_call="delete_resource",
    ),
    _Method(
        name="AWS::ApiGateway::Method",
        service="apigateway",
        properties=names("ApiKeyRequired AuthorizationType HttpMethod Integration RequestParameters")
        | names("RequestValidatorId ResourceId RestApiId"),
        required=names("HttpMethod ResourceId RestApiId"),
        replacing=names("HttpMethod ResourceId RestApiId"),
        create_call="put_method",
        physical_id="{RestApiId}-{ResourceId}-{HttpMethod}",
        ids={"restApiId": "{RestApiId}", "resourceId": "{ResourceId}", "httpMethod": "{HttpMethod}"},
        delete_call="delete_method",
    ),
    ResourceType(
        name="AWS::ApiGateway::RequestValidator",
        service="apigateway",
        properties=names("Name RestApiId ValidateRequestBody ValidateRequestParameters"),
        required=names("RestApiId"),
        replacing=names("Name RestApiId"),
        create_call="create_request_validator",
        physical_id="{id}",
        attributes={"RequestValidatorId": "{id}"},
        ids={"restApiId": "{RestApiId}", "requestValidatorId": "{physical_id}"},
        update_call="update_request_validator",
        patched={
            "ValidateRequestBody": "/validateRequestBody",
            "ValidateRequestParameters": "/validateRequestParameters",
        },
        delete_call="delete_request_validator",
    ),
    ResourceType(
        name="AWS::ApiGateway::GatewayResponse",
        service="apigateway",
        properties=names("ResponseParameters ResponseTemplates ResponseType RestApiId StatusCode"),
        required=names("ResponseType RestApiId"),
        replacing=names("ResponseType RestApiId"),
        create_call="put_gateway_response",
        physical_id="{RestApiId}-{ResponseType}",
        ids={"restApiId": "{RestApiId}", "responseType": "{ResponseType}"},
        update_call="put_gateway_response",
        delete_call="delete_gateway_response",
    ),
    _Deployment(
        name="AWS::ApiGateway::Deployment",
        service="apigateway",
        properties=names("Description RestApiId"),
        required=names("RestApiId"),
        replacing=names("RestApiId"),
        create_call="create_deployment",
        physical_id="{id}",
        attributes={"DeploymentId": "{id}"},
        ids={"restApiId": "{RestApiId}", "deploymentId": "{physical_id}"},
        update_call="update_deployment",
        patched={"Description": "/description"},
        delete_call="delete_deployment",
    ),
    _Stage(
        name="AWS::ApiGateway::Stage",
        service="apigateway",
        properties=names("AccessLogSetting DeploymentId MethodSettings RestApiId StageName"),
        required=names("DeploymentId RestApiId StageName"),
        replacing=names("RestApiId StageName"),
        created_with=names("DeploymentId RestApiId StageName"),
        create_call="create_stage",
        physical_id="{StageName}",
        ids={"restApiId": "{RestApiId}", "stageName": "{StageName}"},
        update_call="update_stage",
        patched={"DeploymentId": "/deploymentId"},
        delete_call="delete_stage",
    ),
    ResourceType(
        name="AWS::ApiGateway::ApiKey",
        service="apigateway",
        properties=names("Description Enabled Name Value"),
        replacing=names("Name Value"),
        name_property="Name",
        create_call="create_api_key",
        physical_id="{id}",
        attributes={"APIKeyId": "{id}"},
        ids={"apiKey": "{physical_id}"},
        update_call="update_api_key",
        patched={"Description": "/description", "Enabled": "/enabled"},
        delete_call="delete_api_key",
    ),
    _UsagePlan(
        name="AWS::ApiGateway::UsagePlan",
        service="apigateway",
        properties=names("ApiStages Description Quota Throttle UsagePlanName"),
        name_property="UsagePlanName",
        arguments={"UsagePlanName": "name"},
        create_call="create_usage_plan",
        physical_id="{id}",
        attributes={"Id": "{id}"},
        ids={"usagePlanId": "{physical_id}"},
        update_call="update_usage_plan",
        patched={
            "Description": "/description",
            "UsagePlanName": "/name",
            "Throttle.RateLimit": "/throttle/rateLimit",
            "Throttle.BurstLimit": "/throttle/burstLimit",
            "Quota.Limit": "/quota/limit",
            "Quota.Period": "/quota/period",
        },
        delete_call="delete_usage_plan",
    ),
    ResourceType(
        name="AWS::ApiGateway::UsagePlanKey",
        service="apigateway",
        properties=names("KeyId KeyType UsagePlanId"),
        required=names("KeyId KeyType UsagePlanId"),
        replacing=names("KeyId KeyType UsagePlanId"),
        create_call="create_usage_plan_key",
        physical_id="{KeyId}:{UsagePlanId}",
        ids={"usagePlanId": "{UsagePlanId}", "keyId": "{KeyId}"},
        delete_call="delete_usage_plan_key",
    ),
)
