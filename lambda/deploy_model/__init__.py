"""The function that keeps the endpoint at the newest approved model."""
