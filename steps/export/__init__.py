"""Turns fitted estimators into the numpy form that is served."""
