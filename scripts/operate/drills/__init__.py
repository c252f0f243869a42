"""Drills: rehearsals of incidents on local AWS."""
