"""How each kind of channel is sent to."""
