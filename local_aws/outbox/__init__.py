"""Keeps the messages of SNS topics, because local AWS sends no email."""
