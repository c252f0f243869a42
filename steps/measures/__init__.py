"""Measures of predicted probabilities: ranking, calibration, intervals, drift and importance."""
