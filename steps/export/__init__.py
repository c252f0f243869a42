"""From fitted estimators to what is served."""
