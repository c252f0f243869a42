"""Benchmarks of one prediction: forward passes, the worker, the local endpoint, explanations."""
