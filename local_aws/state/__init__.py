"""Keeps what local AWS holds in a folder, across restarts."""
