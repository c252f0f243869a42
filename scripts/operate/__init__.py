"""Runs the service from day to day: executions, reports, status, pause and resume, API checks."""
