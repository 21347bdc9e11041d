"""What the history says of endpoints, as frozen dataclasses: pure functions of an open file and a time."""
