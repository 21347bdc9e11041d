"""What is answered, as timed writes."""
