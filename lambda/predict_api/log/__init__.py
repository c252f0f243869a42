"""Logs predictions, through Firehose."""
