"""Reads CSV tables in blocks, and reports every problem with its line number."""
