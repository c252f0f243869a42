"""CloudWatch Logs on local AWS; base/logs.py ships the events to it."""
