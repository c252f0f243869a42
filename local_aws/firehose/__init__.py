"""Firehose: delivery streams that buffer records and deliver them to S3."""
