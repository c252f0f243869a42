"""WHAT runs, in which order: the SageMaker Pipeline and its deployment through boto3."""
