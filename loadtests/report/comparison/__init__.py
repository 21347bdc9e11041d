"""Two reports: what differs, whether it is statistically significant, whether they can be compared."""
