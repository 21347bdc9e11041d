"""What several pages show: states, incidents, notices, single calls."""
