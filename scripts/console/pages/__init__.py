"""The pages of the console, and what they show."""
