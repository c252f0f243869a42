"""Resource types of IAM."""

from __future__ import annotations

from local_aws.cloudformation.types.resource import (
    Context,
    PhysicalResource,
    Properties,
    ResourceType,
)

_ROLE_DEFAULTS = {"Description": "", "MaxSessionDuration": 3600}


class _Role(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Update the trust policy, the settings, the boundary, the inline and the managed policies."""
        role = {"RoleName": resource.physical_id}
        trust, boundary = properties["AssumeRolePolicyDocument"], properties.get("PermissionsBoundary")
        if trust != before.get("AssumeRolePolicyDocument"):
            context.call("iam", "update_assume_role_policy", **role, PolicyDocument=trust)
        settings, old = ({**_ROLE_DEFAULTS, **each} for each in (properties, before))
        if changed := {name: settings[name] for name in _ROLE_DEFAULTS if settings[name] != old[name]}:
            context.call("iam", "update_role", **role, **changed)
        if boundary != before.get("PermissionsBoundary"):
            if boundary is None:
                context.call("iam", "delete_role_permissions_boundary", **role)
            else:
                context.call("iam", "put_role_permissions_boundary", **role, PermissionsBoundary=boundary)
        inline = {policy["PolicyName"]: policy["PolicyDocument"] for policy in properties.get("Policies", [])}
        for policy in before.get("Policies", []):
            if policy["PolicyName"] not in inline:
                context.call("iam", "delete_role_policy", **role, PolicyName=policy["PolicyName"])
        for name, document in inline.items():
            context.call("iam", "put_role_policy", **role, PolicyName=name, PolicyDocument=document)
        managed = set(properties.get("ManagedPolicyArns", []))
        attached = set(before.get("ManagedPolicyArns", []))
        for arn in sorted(attached - managed):
            context.call("iam", "detach_role_policy", **role, PolicyArn=arn)
        for arn in sorted(managed - attached):
            context.call("iam", "attach_role_policy", **role, PolicyArn=arn)
        return resource

    def delete(self, context: Context, resource: PhysicalResource, properties: Properties) -> None:
        """Delete all policies of the role, even those added later, then the role."""
        role = {"RoleName": resource.physical_id}
        for name in context.call("iam", "list_role_policies", **role)["PolicyNames"]:
            context.call("iam", "delete_role_policy", **role, PolicyName=name)
        for policy in context.call("iam", "list_attached_role_policies", **role)["AttachedPolicies"]:
            context.call("iam", "detach_role_policy", **role, PolicyArn=policy["PolicyArn"])
        super().delete(context, resource, properties)


class _Provider(ResourceType):
    def update(
        self, context: Context, resource: PhysicalResource, properties: Properties, before: Properties
    ) -> PhysicalResource:
        """Create the provider again under the same ARN, because moto cannot change its clients."""
        self.delete(context, resource, before)
        return self.create(context, properties)


TYPES: tuple[ResourceType, ...] = (
    _Role(
        name="AWS::IAM::Role",
        schema="RoleName! AssumeRolePolicyDocument* Description ManagedPolicyArns MaxSessionDuration"
        " PermissionsBoundary Policies",
        calls="create_role delete_role",
        name_property="RoleName",
        created_with="RoleName AssumeRolePolicyDocument Description MaxSessionDuration PermissionsBoundary",
        physical_id="{RoleName}",
        attributes={"Arn": "{Role[Arn]}", "RoleId": "{Role[RoleId]}"},
        ids={"RoleName": "{physical_id}"},
    ),
    _Provider(
        name="AWS::IAM::OIDCProvider",
        schema="Url!* ClientIdList",
        calls="create_open_id_connect_provider delete_open_id_connect_provider",
        arguments={"ClientIdList": "ClientIDList"},
        create_with={"ThumbprintList": []},
        physical_id="{OpenIDConnectProviderArn}",
        attributes={"Arn": "{OpenIDConnectProviderArn}"},
        ids={"OpenIDConnectProviderArn": "{physical_id}"},
    ),
)
