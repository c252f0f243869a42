"""Code that runs in the endpoint's container; it needs only numpy and the standard library.

Import its modules, not this package: a step that needs one module then gets only what that one needs.
"""
