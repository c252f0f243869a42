"""Lambda function that starts monitoring, and turns its results into metrics."""
