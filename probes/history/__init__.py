"""The history on disk: its SQLite file, what is recorded in it, and what it says of each endpoint."""
