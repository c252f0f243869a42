"""Renders report.html, one self-contained page about an execution."""
