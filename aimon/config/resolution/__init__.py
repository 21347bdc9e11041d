"""From the file to what runs: defaults filled in, variables expanded, keys read."""
