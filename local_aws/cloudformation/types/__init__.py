"""The resource types that local CloudFormation supports."""
