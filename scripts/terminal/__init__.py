"""The commands' output and shared options; besides the commands, only this room uses typer and rich."""
