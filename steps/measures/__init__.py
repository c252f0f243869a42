"""Measures of models: ranking, calibration, confidence intervals, drift and feature importance."""
