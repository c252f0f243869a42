"""Runs processing, training and batch transform jobs as child processes."""
