"""Serves the REST APIs that are declared in API Gateway."""
