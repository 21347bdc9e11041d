"""The formats that OpenAI defined, in which many other providers answer too: one file for each path of its API."""
