"""What every part of local AWS builds on: clients, clock, ids, property paths and log shipping."""
