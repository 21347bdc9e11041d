"""What a load test shows, serves and pushes while it runs."""
