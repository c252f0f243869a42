"""Serves models from child processes."""
