"""Benchmarks of how good the models are, and of the gate that judges them."""
