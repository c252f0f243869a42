"""Everything that is specific to this data set: columns, units, derived ratios and the file's reader."""
