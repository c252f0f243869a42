"""Runs processing, training and batch transform jobs."""
