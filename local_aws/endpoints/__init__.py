"""Serves models over HTTP from child processes, as SageMaker endpoints do."""
