"""Reads and checks requests."""
