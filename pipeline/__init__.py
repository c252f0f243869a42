"""Defines the SageMaker pipeline and deploys it through boto3."""
