"""Sends companies to the REST API, and collects its answers."""
