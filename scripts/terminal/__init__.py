"""What commands show and the options they share; besides the commands, only this room uses typer and rich."""
