"""When each endpoint is probed: the one scheduler of `aimon probe --every` and `aimon serve`."""
