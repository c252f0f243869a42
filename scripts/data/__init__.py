"""The data set: find, check, describe and upload it, or generate sample data."""
