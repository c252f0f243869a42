"""Shared by all rooms of local AWS: clients, clock, ids, JSON documents, log shipping and processes."""
