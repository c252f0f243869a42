"""Delivers EventBridge events to the targets of their rules."""
