"""Measures the console, and takes its pictures."""
