"""Monitoring: what was predicted, how it differs from the training data, and what came true."""
