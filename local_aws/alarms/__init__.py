"""CloudWatch on local AWS: metrics, and alarms that are evaluated every minute."""
