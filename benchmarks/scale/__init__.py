"""Benchmarks of how time and memory grow with the number of companies."""
