"""The Lambda function that notifies people of events, once for each event."""
