"""The Lambda function that tells people what has happened, once for each fact."""
