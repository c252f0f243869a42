"""Monitoring: counts predictions, compares their companies with training, and judges them by outcomes."""
