"""The commands that run local AWS, or only work there."""
