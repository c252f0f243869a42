"""Deploys the project's stacks, removes them again, and reads what is deployed."""
