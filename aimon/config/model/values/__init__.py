"""The values of the configuration file: how each type is read, described and written."""
