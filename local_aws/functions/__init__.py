"""Runs Lambda functions in child processes."""
