"""The command line: one small file a command, `main` the table of contents."""
