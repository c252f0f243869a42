"""Runs pipeline executions from their JSON definition."""
