"""Scores portfolios by batch transform."""
