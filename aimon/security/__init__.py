"""Keys that can't be shown by accident, and redaction of text from outside."""
