"""Renders report.html, a self-contained page about an execution."""
