"""Deploys the project's stacks and removes them again."""
