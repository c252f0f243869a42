"""Lambda function that starts monitoring and retraining, and turns results into metrics."""
