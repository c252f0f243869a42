"""The Lambda function that asks the REST API for a known answer every 15 minutes."""
