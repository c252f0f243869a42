"""Sends companies to the REST API and formats its answers."""
