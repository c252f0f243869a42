"""AWS calls that several rooms share: session, errors, files by URI, registry, stacks, transform jobs."""
