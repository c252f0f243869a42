"""What people run: the `bankruptcy` command."""
