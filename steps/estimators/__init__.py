"""Scikit-learn estimators and transformers of the candidates."""
