"""Resource types of API Gateway (REST APIs)."""

from __future__ import annotations

from typing import Any

from local_aws.cloudformation.types.resource import (
    Context,
    PhysicalResource,
    Properties,
    ResourceError,
    ResourceType,
)

_METHOD_SETTINGS = {
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}


class _Method(ResourceType):
    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        """Create the method, then its integration."""
        integration = properties.get("Integration", {})
        unknown = sorted(set(integration) - {"IntegrationHttpMethod", "Type", "Uri"})
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} of an Integration")
        method = {key: value for key, value in properties.items() if key != "Integration"}
        resource = super().create(context, {"AuthorizationType": "NONE", **method})
        context.incomplete.append(resource)
        if integration:
            context.call(self.service, "put_integration", **self._ids(resource, properties), **integration)
        return resource

    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Delete the method and create it again."""
        self.delete(context, resource, before)
        return self.create(context, properties)


class _Deployment(ResourceType):
    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Delete the deployment, unless a stage still serves it."""
        stages = context.call(self.service, "get_stages", restApiId=properties["RestApiId"])["item"]
        serving = [stage["stageName"] for stage in stages if stage["deploymentId"] == resource.physical_id]
        if serving:
            raise ResourceError(
                f"Active stages pointing to this deployment must be moved or deleted: {serving}"
            )
        super().delete(context, resource, properties)


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
        schema="Name* ApiKeySourceType Description EndpointConfiguration!",
        calls="create_rest_api update_rest_api delete_rest_api",
        physical_id="{id}",
        attributes={"RestApiId": "{id}", "RootResourceId": "{rootResourceId}"},
        ids={"restApiId": "{physical_id}"},
        arguments={"ApiKeySourceType": "apiKeySource"},
        patched="Name Description ApiKeySourceType",
    ),
    ResourceType(
        name="AWS::ApiGateway::Resource",
        schema="ParentId*! PathPart*! RestApiId*!",
        calls="create_resource delete_resource",
        physical_id="{id}",
        attributes={"ResourceId": "{id}"},
        ids={"restApiId": "{RestApiId}", "resourceId": "{physical_id}"},
    ),
    _Method(
        name="AWS::ApiGateway::Method",
        schema="HttpMethod*! ResourceId*! RestApiId*! ApiKeyRequired AuthorizationType Integration"
        " RequestParameters RequestValidatorId",
        calls="put_method delete_method",
        physical_id="{RestApiId}-{ResourceId}-{HttpMethod}",
        ids={"restApiId": "{RestApiId}", "resourceId": "{ResourceId}", "httpMethod": "{HttpMethod}"},
    ),
    ResourceType(
        name="AWS::ApiGateway::RequestValidator",
        schema="RestApiId*! Name! ValidateRequestBody ValidateRequestParameters",
        calls="create_request_validator update_request_validator delete_request_validator",
        physical_id="{id}",
        attributes={"RequestValidatorId": "{id}"},
        ids={"restApiId": "{RestApiId}", "requestValidatorId": "{physical_id}"},
        patched="ValidateRequestBody ValidateRequestParameters",
    ),
    ResourceType(
        name="AWS::ApiGateway::GatewayResponse",
        schema="ResponseType*! RestApiId*! ResponseParameters ResponseTemplates StatusCode",
        calls="put_gateway_response put_gateway_response delete_gateway_response",
        physical_id="{RestApiId}-{ResponseType}",
        ids={"restApiId": "{RestApiId}", "responseType": "{ResponseType}"},
    ),
    _Deployment(
        name="AWS::ApiGateway::Deployment",
        schema="RestApiId*! Description",
        calls="create_deployment update_deployment delete_deployment",
        physical_id="{id}",
        attributes={"DeploymentId": "{id}"},
        ids={"restApiId": "{RestApiId}", "deploymentId": "{physical_id}"},
        patched="Description",
    ),
    _Stage(
        name="AWS::ApiGateway::Stage",
        schema="RestApiId*! StageName*! DeploymentId* AccessLogSetting MethodSettings",
        calls="create_stage update_stage delete_stage",
        created_with="RestApiId StageName DeploymentId",
        physical_id="{StageName}",
        ids={"restApiId": "{RestApiId}", "stageName": "{StageName}"},
        patched="DeploymentId AccessLogSetting MethodSettings",
    ),
    ResourceType(
        name="AWS::ApiGateway::ApiKey",
        schema="Name! Value! Description Enabled",
        calls="create_api_key update_api_key delete_api_key",
        name_property="Name",
        physical_id="{id}",
        attributes={"APIKeyId": "{id}"},
        ids={"apiKey": "{physical_id}"},
        patched="Description Enabled",
    ),
    _UsagePlan(
        name="AWS::ApiGateway::UsagePlan",
        schema="ApiStages Description Quota Throttle UsagePlanName",
        calls="create_usage_plan update_usage_plan delete_usage_plan",
        name_property="UsagePlanName",
        arguments={"UsagePlanName": "name"},
        physical_id="{id}",
        attributes={"Id": "{id}"},
        ids={"usagePlanId": "{physical_id}"},
        patched="Description UsagePlanName Throttle.RateLimit Throttle.BurstLimit Quota.Limit Quota.Period",
    ),
    ResourceType(
        name="AWS::ApiGateway::UsagePlanKey",
        schema="KeyId*! KeyType*! UsagePlanId*!",
        calls="create_usage_plan_key delete_usage_plan_key",
        physical_id="{KeyId}:{UsagePlanId}",
        ids={"usagePlanId": "{UsagePlanId}", "keyId": "{KeyId}"},
    ),
)
