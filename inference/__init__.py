"""Code that runs inside the endpoint's container: numpy and the standard library alone."""
