"""All that is specific to this data set: its columns, units and derived ratios."""
