"""Previews a version before it is approved: what it would change for a file of companies."""
