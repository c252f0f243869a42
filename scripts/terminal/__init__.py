"""Terminal output and command-line options; outside of commands/, the only user of typer and rich."""
