"""Judges models on the test companies, and decides whether the selected candidate can be registered."""
