"""One numpy forward pass per model family."""
