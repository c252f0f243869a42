"""AWS calls that several commands share: sessions, errors, files by URI, stacks and transform jobs."""
