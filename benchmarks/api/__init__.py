"""Benchmarks of the REST API and its Lambda functions."""
