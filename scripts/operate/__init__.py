"""Operates the deployed service: status, prices, pause, resume and API checks."""
