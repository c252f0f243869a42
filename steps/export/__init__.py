"""Converts fitted estimators to the numpy arrays that are served."""
