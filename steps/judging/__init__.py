"""Judges candidates on the test companies and decides whether one can be registered."""
