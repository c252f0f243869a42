"""The commands, one module per group: they take options, call one function, and show its result."""
