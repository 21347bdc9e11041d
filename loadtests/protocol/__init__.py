"""What the processes of a load test tell each other. Plain structs; needs no gevent."""
