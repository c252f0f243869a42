"""Reads CSV tables as people have them, in blocks, with the line number of every problem."""
