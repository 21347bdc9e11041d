"""The documentation. It is installed with the program, which shows it: `aimon docs`."""
