"""The resource types that local CloudFormation can create."""
