"""The wire shapes of OpenAI, in which many other providers answer too."""
