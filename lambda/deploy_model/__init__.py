"""The Lambda function that deploys the newest approved model to the endpoint."""
