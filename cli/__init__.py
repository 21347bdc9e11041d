"""The command line: one file for each small command; `main` lists them all."""
